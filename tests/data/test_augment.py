from __future__ import annotations

from typing import Any

import pytest

from videoswin.data.augment import Augment
from videoswin.errors import ConfigError


def test_defaults_are_those_of_kinetics() -> None:
    assert Augment() == Augment(
        crop_area=(0.08, 1.0), flip_probability=0.5, randaugment_ops=0, erase_probability=0.0
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"crop_area": (0.0, 1.0)}, r"augment.crop_area is \(0.0, 1.0\); allowed"),
        ({"crop_area": (0.5, 0.4)}, "augment.crop_area"),
        ({"crop_area": (0.5, 1.1)}, "augment.crop_area"),
        ({"flip_probability": 1.5}, "augment.flip_probability is 1.5; allowed: 0 to 1"),
        ({"flip_probability": -0.1}, "augment.flip_probability"),
        ({"erase_probability": 1.5}, "augment.erase_probability is 1.5; allowed: 0 to 1"),
        ({"erase_probability": -0.1}, "augment.erase_probability"),
        ({"randaugment_ops": -1}, "augment.randaugment_ops is -1; allowed: 0 or more"),
        ({"randaugment_magnitude": -1}, "augment.randaugment_magnitude is -1; allowed: 0 to 30"),
        ({"randaugment_magnitude": 31}, "augment.randaugment_magnitude"),
    ],
)
def test_wrong_values_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Augment(**wrong)
