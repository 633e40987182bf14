"""Augmentation of training clips: one box, one flip, the same operations for all frames of a clip (paper.md
section 7). Mixing, the one that takes two clips, is in mix.py."""

from __future__ import annotations

import math
from dataclasses import dataclass

from videoswin.errors import ConfigError

MAX_MAGNITUDE = 30
"""The strongest RandAugment, as imgaug and torchvision count."""
MEAN_PIXEL = (124, 116, 104)
"""RGB that fills holes: the model's normalisation takes it to zero (123.675, 116.28, 103.53, rounded)."""


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What varies between two looks at the same training video, beside the choice of frames."""

    crop_area: tuple[float, float] = (0.08, 1.0)
    """Smallest and largest share of the picture that the random crop keeps. Kinetics: 0.08 to 1."""
    flip_probability: float = 0.5
    """Chance of a horizontal flip. Where labels name directions, as in Something-Something: 0, or
    `flip_labels`."""
    flip_labels: str = ""
    """Labels that a flip exchanges. `auto`: those that become each other when the words left and right change
    places. Else a CSV file of two labels a line. Empty: a flipped clip keeps its label."""
    jitter_brightness: float = 0.0
    """Colour jitter: largest change of the brightness, as a share, 0 to 1. The four are drawn once a clip."""
    jitter_contrast: float = 0.0
    """Largest change of the contrast, 0 to 1."""
    jitter_saturation: float = 0.0
    """Largest change of the saturation, 0 to 1."""
    jitter_hue: float = 0.0
    """Largest change of the hue, as a share of its circle, 0 to 0.5."""
    randaugment_ops: int = 0
    """Operations of RandAugment a clip, 0 for none. Something-Something: 4."""
    randaugment_magnitude: int = 7
    """Strength of those operations, 0 to 30, as imgaug counts, which the official code uses.
    Something-Something: 7."""
    erase_probability: float = 0.0
    """Chance that one box of the clip becomes the mean pixel. Something-Something: 0.25."""
    mixup_alpha: float = 0.0
    """Mixup: two clips and their labels are blended, with a share from Beta(alpha, alpha). 0: off, as in the
    paper; 0.8 is usual."""
    cutmix_alpha: float = 0.0
    """CutMix: a box of one clip, its area from Beta(alpha, alpha), is put into the other. 0: off; 1 is usual.
    With mixup too, each pair of clips gets one of them by chance."""
    mix_probability: float = 1.0
    """Chance that a pair of clips is mixed at all, where `mixup_alpha` or `cutmix_alpha` is not 0."""

    @property
    def has_mix(self) -> bool:
        """Whether clips are mixed in pairs, by mixup or CutMix."""
        return (self.mixup_alpha > 0 or self.cutmix_alpha > 0) and self.mix_probability > 0

    def __post_init__(self) -> None:
        smallest, largest = self.crop_area
        if not 0 < smallest <= largest <= 1:
            raise ConfigError(
                f"augment.crop_area is {self.crop_area}; allowed: two shares of the area, 0 < a <= b <= 1"
            )
        for name, chance in (
            ("flip_probability", self.flip_probability),
            ("erase_probability", self.erase_probability),
            ("jitter_brightness", self.jitter_brightness),
            ("jitter_contrast", self.jitter_contrast),
            ("jitter_saturation", self.jitter_saturation),
            ("mix_probability", self.mix_probability),
        ):
            if not 0 <= chance <= 1:
                raise ConfigError(f"augment.{name} is {chance}; allowed: 0 to 1")
        if not 0 <= self.jitter_hue <= 0.5:
            raise ConfigError(f"augment.jitter_hue is {self.jitter_hue}; allowed: 0 to 0.5")
        for name, alpha in (("mixup_alpha", self.mixup_alpha), ("cutmix_alpha", self.cutmix_alpha)):
            if not (math.isfinite(alpha) and alpha >= 0):
                raise ConfigError(f"augment.{name} is {alpha}; allowed: 0 (off) or more")
        if self.flip_labels and self.flip_probability == 0:
            raise ConfigError(
                f"augment.flip_labels is {self.flip_labels!r}, but flip_probability is 0, so no clip is "
                "flipped; allowed: an empty flip_labels, or a flip_probability above 0"
            )
        if self.randaugment_ops < 0:
            raise ConfigError(f"augment.randaugment_ops is {self.randaugment_ops}; allowed: 0 or more")
        if not 0 <= self.randaugment_magnitude <= MAX_MAGNITUDE:
            raise ConfigError(
                f"augment.randaugment_magnitude is {self.randaugment_magnitude}; "
                f"allowed: 0 to {MAX_MAGNITUDE}"
            )
