"""Augmentation of training clips: one box and one flip for all frames of a clip (paper.md section 7)."""

from __future__ import annotations

from dataclasses import dataclass

from videoswin.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What varies between two looks at the same training video, beside the choice of frames."""

    crop_area: tuple[float, float] = (0.08, 1.0)
    """Smallest and largest share of the picture that the random crop keeps. Kinetics: 0.08 to 1."""
    flip_probability: float = 0.5
    """Chance of a horizontal flip. 0 where the label names a direction, as in Something-Something."""

    def __post_init__(self) -> None:
        smallest, largest = self.crop_area
        if not 0 < smallest <= largest <= 1:
            raise ConfigError(
                f"augment.crop_area is {self.crop_area}; allowed: two shares of the area, 0 < a <= b <= 1"
            )
        if not 0 <= self.flip_probability <= 1:
            raise ConfigError(f"augment.flip_probability is {self.flip_probability}; allowed: 0 to 1")
