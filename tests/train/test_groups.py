from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch.nn import Parameter

from videoswin.model import SWIN_B, VideoSwin
from videoswin.train.config import Preset
from videoswin.train.groups import Kind, kind_of, parameter_groups


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("layers.0.blocks.1.attn.relative_position_bias_table", "tables"),
        ("patch_embed.norm.weight", "norms"),
        ("layers.2.blocks.5.norm1.weight", "norms"),
        ("layers.2.blocks.5.norm2.bias", "norms"),
        ("layers.0.downsample.norm.bias", "norms"),
        ("norm.weight", "norms"),
        ("patch_embed.proj.weight", "backbone"),
        ("layers.0.blocks.0.attn.qkv.bias", "backbone"),
        ("layers.0.downsample.reduction.weight", "backbone"),
        ("head.weight", "head"),
        ("head.bias", "head"),
    ],
)
def test_kind_of_a_parameter(name: str, kind: Kind) -> None:
    assert kind_of(name) == kind


def swin_b_groups(preset: Preset) -> dict[str, tuple[int, float, float]]:
    with torch.device("meta"):
        model = VideoSwin(SWIN_B)
    groups = parameter_groups(
        model.named_parameters(),
        preset=preset,
        learning_rate=1.0,
        backbone_multiplier=0.1,
        weight_decay=0.05,
    )
    return {group["name"]: (len(group["params"]), group["lr"], group["weight_decay"]) for group in groups}


def test_official_groups_of_swin_b() -> None:
    # Tensor counts, learning rates and decays of the run that made the published weights.
    assert swin_b_groups("official") == {
        "tables": (24, 1.0, 0.0),
        "norms": (106, 0.1, 0.05),
        "backbone": (197, 0.1, 0.05),  # 100 weights and 97 biases
        "head": (2, 1.0, 0.05),
    }


def test_clean_groups_of_swin_b() -> None:
    assert swin_b_groups("clean") == {
        "tables": (24, 0.1, 0.0),
        "norms": (106, 0.1, 0.0),
        "backbone": (197, 0.1, 0.05),
        "head": (2, 1.0, 0.05),
    }


def test_backbone_of_swin_b_has_100_weights_and_97_biases() -> None:
    with torch.device("meta"):
        names = [name for name, _ in VideoSwin(SWIN_B).named_parameters() if kind_of(name) == "backbone"]
    assert Counter(name.rpartition(".")[2] for name in names) == {"weight": 100, "bias": 97}


def test_frozen_parameters_and_empty_groups_are_left_out() -> None:
    frozen = Parameter(torch.zeros(1), requires_grad=False)
    free = Parameter(torch.zeros(1))
    groups = parameter_groups(
        [("norm.weight", frozen), ("head.weight", free)],
        preset="clean",
        learning_rate=1e-3,
        backbone_multiplier=0.1,
        weight_decay=0.05,
    )
    assert [group["name"] for group in groups] == ["head"]
    assert groups[0]["params"] == [free]
