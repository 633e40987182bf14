from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.peers.material import CLIP, SETTINGS
from videoswin.model import SWIN_B, SWIN_T, VideoSwin
from videoswin.peers.build import build
from videoswin.peers.config import PeerConfig, PeerName
from videoswin.train.groups import Kind, block_depths, kind_of, norm_names, parameter_groups
from videoswin.train.optimizer_config import Preset


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
    with torch.device("meta"):
        model = VideoSwin(SWIN_B)
    assert name in dict(model.named_parameters())
    assert kind_of(name, norms=norm_names(model)) == kind


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timesformer", {"tables": 3, "norms": 8, "backbone": 16, "head": 2}),
        ("vivit", {"tables": 2, "norms": 6, "backbone": 14, "head": 2}),
        ("videomae", {"norms": 6, "backbone": 13, "head": 2}),
        ("vjepa2", {"norms": 14, "backbone": 37, "head": 2}),
    ],
)
def test_groups_of_a_peer(name: PeerName, expected: dict[Kind, int]) -> None:
    model = build(PeerConfig(name=name, num_classes=3, clip=CLIP, settings=SETTINGS[name]))
    groups = groups_of(model, "clean")
    assert {kind: num_tensors for kind, (num_tensors, _, _) in groups.items()} == expected
    assert groups["head"][1:] == (1.0, 0.05)
    assert groups["norms"][1:] == (0.1, 0.0)
    assert groups["backbone"][1:] == (0.1, 0.05)


@pytest.mark.parametrize("norm", [nn.BatchNorm3d(2), nn.GroupNorm(1, 2), nn.RMSNorm(2)])
def test_norms_are_known_by_their_type(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Conv3d(1, 2, 1), norm)
    assert norm_names(model) == {f"1.{name}" for name, _ in norm.named_parameters()} != set()
    assert norm_names(norm) == {name for name, _ in norm.named_parameters()}


def swin_b_groups(preset: Preset) -> dict[str, tuple[int, float, float]]:
    with torch.device("meta"):
        return groups_of(VideoSwin(SWIN_B), preset)


def groups_of(model: nn.Module, preset: Preset) -> dict[str, tuple[int, float, float]]:
    """Number of tensors, learning rate and decay of each group."""
    groups = parameter_groups(
        model,
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


@pytest.mark.parametrize(("preset", "decay_of_norms"), [("official", 0.05), ("clean", 0.0)])
def test_gates_and_temporal_norms_of_the_factorized_design_are_norms(
    preset: Preset, decay_of_norms: float
) -> None:
    with torch.device("meta"):
        model = VideoSwin(replace(SWIN_T, design="factorized"))
    assert kind_of("layers.2.blocks.5.temporal.gate", norms=norm_names(model)) == "norms"
    assert kind_of("layers.2.blocks.5.temporal.attn.qkv.weight", norms=norm_names(model)) == "backbone"
    groups = groups_of(model, preset)
    # Swin-T has 58 tensors of norms; each of its 12 blocks gets a norm's two and a gate.
    assert groups["norms"] == (58 + 12 * 3, 0.1, decay_of_norms)
    assert groups["backbone"] == (101 + 12 * 4, 0.1, 0.05)


def test_backbone_of_swin_b_has_100_weights_and_97_biases() -> None:
    with torch.device("meta"):
        model = VideoSwin(SWIN_B)
    norms = norm_names(model)
    names = [name for name, _ in model.named_parameters() if kind_of(name, norms=norms) == "backbone"]
    assert Counter(name.rpartition(".")[2] for name in names) == {"weight": 100, "bias": 97}


def test_frozen_parameters_and_empty_groups_are_left_out() -> None:
    model = nn.ModuleDict({"norm": nn.LayerNorm(1), "head": nn.Linear(1, 1, bias=False)})
    model["norm"].requires_grad_(False)
    groups = parameter_groups(
        model,
        preset="clean",
        learning_rate=1e-3,
        backbone_multiplier=0.1,
        weight_decay=0.05,
    )
    assert [group["name"] for group in groups] == ["head"]
    assert groups[0]["params"] == [model["head"].weight]


def test_layer_decay_slows_each_block_below_the_top() -> None:
    with torch.device("meta"):
        model = VideoSwin(SWIN_T)
    groups = {
        group["name"]: group
        for group in parameter_groups(
            model,
            preset="clean",
            learning_rate=1.0,
            backbone_multiplier=0.1,
            weight_decay=0.05,
            layer_decay=0.5,
        )
    }
    # 12 blocks: the patches are 0, the head and the last norm 13.
    expected = {"head.13": 1.0, "norms.13": 0.1, "backbone.12": 0.05, "tables.1": 0.1 * 0.5**12}
    assert {name: groups[name]["lr"] for name in expected} == pytest.approx(expected)
    assert groups["backbone.0"]["lr"] == pytest.approx(0.1 * 0.5**13)
    assert len(groups) == 1 + 12 + 14 + 13  # head, tables, norms, backbone
    assert sum(len(group["params"]) for group in groups.values()) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("patch_embed.proj.weight", 0),
        ("layers.0.blocks.0.norm1.weight", 1),
        ("layers.0.blocks.1.mlp.fc1.bias", 2),
        ("layers.0.downsample.reduction.weight", 2),
        ("layers.1.blocks.0.attn.relative_position_bias_table", 3),
        ("layers.3.blocks.1.attn.proj.weight", 12),
        ("norm.bias", 13),
        ("head.weight", 13),
    ],
)
def test_depth_of_a_parameter(name: str, depth: int) -> None:
    with torch.device("meta"):
        assert block_depths(VideoSwin(SWIN_T))[name] == depth
