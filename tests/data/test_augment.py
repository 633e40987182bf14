from __future__ import annotations

from typing import Any

import pytest

from videoswin.data.augment import Augment
from videoswin.errors import ConfigError


def test_defaults_are_those_of_kinetics() -> None:
    assert Augment() == Augment(
        crop_area=(0.08, 1.0), flip_probability=0.5, randaugment_ops=0, erase_probability=0.0
    )
    assert not Augment().has_mix


@pytest.mark.parametrize(
    ("mixup", "cutmix", "probability", "has_mix"),
    [(0.8, 0.0, 1.0, True), (0.0, 1.0, 0.1, True), (0.8, 1.0, 0.0, False), (0.0, 0.0, 1.0, False)],
)
def test_whether_clips_are_mixed(mixup: float, cutmix: float, probability: float, has_mix: bool) -> None:
    augment = Augment(mixup_alpha=mixup, cutmix_alpha=cutmix, mix_probability=probability)
    assert augment.has_mix == has_mix


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
        ({"jitter_brightness": 1.1}, "augment.jitter_brightness is 1.1; allowed: 0 to 1"),
        ({"jitter_contrast": -0.1}, "augment.jitter_contrast"),
        ({"jitter_saturation": 2.0}, "augment.jitter_saturation"),
        ({"jitter_hue": 0.6}, "augment.jitter_hue is 0.6; allowed: 0 to 0.5"),
        ({"mixup_alpha": -1.0}, r"augment.mixup_alpha is -1.0; allowed: 0 \(off\) or more"),
        ({"cutmix_alpha": float("inf")}, "augment.cutmix_alpha is inf"),
        ({"mix_probability": 1.5}, "augment.mix_probability is 1.5; allowed: 0 to 1"),
        (
            {"flip_labels": "auto", "flip_probability": 0.0},
            "augment.flip_labels is 'auto', but flip_probability is 0, so no clip is flipped; allowed",
        ),
    ],
)
def test_wrong_values_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Augment(**wrong)
