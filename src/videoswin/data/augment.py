"""Augmentation of training clips: one box, one flip, the same operations for all frames of a clip (paper.md
section 7)."""

from __future__ import annotations

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
    """Chance of a horizontal flip. 0 where the label names a direction, as in Something-Something."""
    randaugment_ops: int = 0
    """Operations of RandAugment a clip, 0 for none. Something-Something: 4."""
    randaugment_magnitude: int = 7
    """Strength of those operations, 0 to 30, as imgaug counts, which the official code uses.
    Something-Something: 7."""
    erase_probability: float = 0.0
    """Chance that one box of the clip becomes the mean pixel. Something-Something: 0.25."""

    def __post_init__(self) -> None:
        smallest, largest = self.crop_area
        if not 0 < smallest <= largest <= 1:
            raise ConfigError(
                f"augment.crop_area is {self.crop_area}; allowed: two shares of the area, 0 < a <= b <= 1"
            )
        for name, chance in (
            ("flip_probability", self.flip_probability),
            ("erase_probability", self.erase_probability),
        ):
            if not 0 <= chance <= 1:
                raise ConfigError(f"augment.{name} is {chance}; allowed: 0 to 1")
        if self.randaugment_ops < 0:
            raise ConfigError(f"augment.randaugment_ops is {self.randaugment_ops}; allowed: 0 or more")
        if not 0 <= self.randaugment_magnitude <= MAX_MAGNITUDE:
            raise ConfigError(
                f"augment.randaugment_magnitude is {self.randaugment_magnitude}; "
                f"allowed: 0 to {MAX_MAGNITUDE}"
            )
