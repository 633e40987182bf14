"""What is said about sound, odd and damaged files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.weights import plain2d
from videoswin import weights
from videoswin.errors import WeightsError
from videoswin.model import SWIN_T, SwinConfig, VideoSwin
from videoswin.values import ClipSpec
from videoswin.weights.inspection import Inspection

MICRO = SwinConfig(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: torch.randn_like(tensor) for name, tensor in VideoSwin(MICRO).state_dict().items()}


def inspect(state: dict[str, Tensor], folder: Path) -> Inspection:
    save_file(state, folder / "a.safetensors")
    return weights.inspect(folder / "a.safetensors")


def test_our_file(tmp_path):
    model = VideoSwin(MICRO)
    labels, clip = ("a", "b", "c"), ClipSpec(size=24)
    weights.save(tmp_path / "a.safetensors", model, labels=labels, clip=clip, notes={"data": "none"})
    found = weights.inspect(tmp_path / "a.safetensors")
    assert (found.source_format, found.variant, found.config) == ("videoswin", "", MICRO)
    assert (found.labels, found.clip, found.notes) == (labels, clip, {"data": "none"})
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert found.tensors == len(model.state_dict())
    assert found.dtypes == {"float32": found.tensors}
    assert found.is_sound
    assert "norm.bias" in found.zero  # as a new model has it


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "swin_t"),
        ({"num_classes": 7}, "swin_t"),
        ({"window": (16, 7, 7)}, "swin_t with window 16x7x7"),
        ({"depths": (2, 2, 2, 2)}, ""),
        ({"design": "split", "temporal_bias": True}, "swin_t"),
        ({"design": "factorized", "temporal_bias": True, "window": (16, 7, 7)}, "swin_t with window 16x7x7"),
    ],
)
def test_published_sizes_are_named(tmp_path, change, name):
    with torch.device("meta"):
        shapes = VideoSwin(replace(SWIN_T, **change)).state_dict()
    state = {key: torch.empty(tensor.shape, dtype=torch.float16).fill_(1) for key, tensor in shapes.items()}
    found = inspect(state, tmp_path)
    assert found.variant == name
    assert found.config == replace(SWIN_T, **change)
    assert found.dtypes == {"float16": len(state)}
    assert found.steps == (f"{len(state)} tensors from float16 to float32",)


def test_a_2d_file(tmp_path):
    state = plain2d.random_state(width=8, depths=(1, 1), heads=(1, 2), window=3, seed=0)
    found = inspect(state, tmp_path)
    assert found.source_format == "microsoft"
    assert not found.has_head
    assert found.is_sound
    assert "the head is new" in found.steps


def test_a_design_without_its_temporal_window_is_refused_and_the_rest_is_said(tmp_path):
    found = inspect(VideoSwin(replace(MICRO, design="factorized")).state_dict(), tmp_path)
    assert found.problems["refused"][0].startswith("a factorized model without bias tables in time, ")
    assert (found.config, found.tensors) == (None, 51)
    assert "layers.0.blocks.0.temporal.gate" in found.zero
    assert not found.is_sound


def test_odd_tensors_are_listed_under_their_cause(state, tmp_path):
    state["norm.weight"][3] = float("nan")
    state["head.bias"].zero_()
    state["layers.1.blocks.0.norm2.gamma"] = torch.ones(16)
    state["layers.1.blocks.0.mlp.fc1.weight"] = torch.ones(64, 17)
    del state["layers.0.blocks.0.norm1.bias"]
    found = inspect(state, tmp_path)
    assert found.problems == {
        "missing": ("layers.0.blocks.0.norm1.bias",),
        "left over": ("layers.1.blocks.0.norm2.gamma",),
        "of another shape": ("layers.1.blocks.0.mlp.fc1.weight is (64, 17) instead of (64, 16)",),
        "not finite": ("norm.weight",),
    }
    assert found.zero == ("head.bias",)
    assert found.config == MICRO
    assert not found.is_sound


def test_an_unknown_model_still_says_what_its_tensors_are(tmp_path):
    state = {"encoder.weight": torch.full((2, 3), float("inf")), "steps": torch.zeros(4, dtype=torch.int64)}
    found = inspect(state, tmp_path)
    assert (found.source_format, found.config, found.clip) == ("unknown", None, None)
    assert (found.tensors, found.parameters) == (2, 6)
    assert found.dtypes == {"float32": 1, "int64": 1}
    assert found.problems["refused"][0].startswith("no known weights format")
    assert found.problems["not finite"] == ("encoder.weight",)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xff\x00\x00\x00\x00\x00\x00\x00{}"])
def test_files_without_readable_tensors_are_refused(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.pth: "):
        weights.inspect(tmp_path / "a.pth")
