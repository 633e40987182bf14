"""Prefixes, types and windows on the way from a file to a Video Swin, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.weights import plain2d
from videoswin import weights
from videoswin.errors import ConfigError, WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec, Size3
from videoswin.weights import Inflation, convert
from videoswin.weights.flat import to_flat

MICRO = SwinConfig(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)
FLAT = plain2d.random_state(width=8, depths=(1, 1), heads=(1, 2), window=3, seed=0)


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return VideoSwin(MICRO).state_dict()


def saved(state: dict[str, Tensor], path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


@pytest.mark.parametrize(
    ("format_name", "prefix", "stripped"),
    [
        ("videoswin", "module.", ("module.",)),
        ("videoswin", "_orig_mod.", ("_orig_mod.",)),
        ("videoswin", "backbone.", ("backbone.",)),
        ("videoswin", "model.encoder.", ("model.", "encoder.")),
        ("official", "module.", ("module.",)),
        ("mmaction2", "_orig_mod.module.", ("_orig_mod.", "module.")),
        ("torchvision", "model.", ("model.",)),
    ],
)
def test_prefixes_are_stripped_and_said(state, tmp_path, caplog, format_name, prefix, stripped):
    caplog.set_level("INFO")
    theirs = {prefix + name: tensor for name, tensor in convert(state, to=format_name).items()}
    found = weights.read(saved(theirs, tmp_path / "a.safetensors"))
    assert found.source_format == format_name
    assert all(torch.equal(found.state_dict[name], tensor) for name, tensor in state.items())
    assert found.steps == tuple(f"prefix {name} stripped from {len(theirs)} names" for name in stripped)
    assert caplog.messages == [f"{tmp_path}/a.safetensors: {'; '.join(found.steps)}"]


def test_prefixes_of_2d_files_are_stripped(tmp_path):
    theirs = {f"module.{name}": tensor for name, tensor in to_flat(FLAT, target="huggingface").items()}
    found = weights.read(saved(theirs, tmp_path / "a.safetensors"))
    assert found.source_format == "huggingface"
    assert found.steps[0] == f"prefix module. stripped from {len(theirs)} names"


def test_a_prefix_of_some_names_is_an_error(state, tmp_path):
    mixed = {name if "norm" in name else f"module.{name}": tensor for name, tensor in state.items()}
    with pytest.raises(WeightsError, match="no known weights format"):
        weights.read(saved(mixed, tmp_path / "a.safetensors"))


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64", "float8_e4m3fn"])
def test_other_float_types_are_converted_and_said(state, tmp_path, kind):
    dtype = getattr(torch, kind)
    found = weights.read(saved({k: t.to(dtype) for k, t in state.items()}, tmp_path / "a.safetensors"))
    assert found.steps == (f"{len(state)} tensors from {kind} to float32",)
    assert all(torch.equal(found.state_dict[k], t.to(dtype).float()) for k, t in state.items())


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.int64])
def test_numbers_that_are_no_floats_are_refused(state, tmp_path, kind):
    state["norm.weight"] = state["norm.weight"].to(kind)
    with pytest.raises(
        WeightsError, match=r"a.safetensors: norm.weight is (int8|bool|int64); expected floating"
    ):
        weights.read(saved(state, tmp_path / "a.safetensors"))


def test_a_2d_file_says_all_that_was_done(tmp_path, caplog):
    caplog.set_level("INFO")
    index = {"layers.0.blocks.0.attn.relative_position_index": torch.zeros(9, 9, dtype=torch.int64)}
    torch.save({"model": FLAT | index}, tmp_path / "2d.pth")
    found = weights.read(tmp_path / "2d.pth", inflation=Inflation(bias="center"), window=Size3(4, 5, 5))
    assert caplog.messages == [
        f"{tmp_path}/2d.pth: a 2D Swin with microsoft names; 32 tensors copied; patch embedding to 2 frames "
        "(inflate); 2 bias tables to 4 frames (center); 2 bias tables resized from 3x3 to 5x5 (bicubic); 2 "
        "tensors of the 2D classifier dropped; buffers dropped: 1; the head is new"
    ]
    assert found.config == SwinConfig(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=(4, 5, 5))
    assert not found.has_head
    assert found.clip == ClipSpec()
    with pytest.raises(WeightsError, match="a 2D Swin has no classifier of videos; give num_classes"):
        weights.build(found)
    assert weights.build(found, num_classes=7).head.weight.shape == (7, 16)
    # As many as the default is a new head too.
    assert weights.build(found, num_classes=400).head.weight.shape == (400, 16)


def test_2d_tensors_that_do_not_fit_each_other_are_named_with_both_shapes(tmp_path):
    table = "layers.1.blocks.0.attn.relative_position_bias_table"
    path = saved(FLAT | {"layers.1.blocks.0.attn.proj.weight": torch.zeros(16, 12)}, tmp_path / "width")
    with pytest.raises(WeightsError, match=r"attn\.proj\.weight is \(16, 12\) instead of \(16, 16\)"):
        weights.load(path, num_classes=2)
    path = saved(FLAT | {table: torch.zeros(25, 3)}, tmp_path / "heads")
    with pytest.raises(WeightsError, match="stage 1 has 16 channels for 3 heads"):
        weights.load(path, num_classes=2)


@pytest.mark.parametrize("window", [(4, 3, 3), (1, 3, 3), (2, 5, 5), (3, 4, 6)])
def test_another_window_of_a_3d_file(state, tmp_path, window):
    model = weights.load(saved(state, tmp_path / "a.safetensors"), window=Size3(*window))
    assert model.config.window == window
    assert model(torch.randn(1, 3, 8, 32, 32)).shape == (1, 3)


def test_the_same_window_changes_nothing(state, tmp_path):
    found = weights.read(saved(state, tmp_path / "a.safetensors"), window=Size3(2, 3, 3))
    assert found.steps == ()
    assert all(torch.equal(found.state_dict[name], tensor) for name, tensor in state.items())


def test_an_inflated_duplicate_gets_another_window_as_if_inflated_for_it(tmp_path):
    path = saved(FLAT, tmp_path / "2d.safetensors")
    weights.save(tmp_path / "3d.safetensors", weights.load(path, 2), labels=(), clip=ClipSpec())
    for offsets in ("stretch", "keep"):
        changed = weights.read(tmp_path / "3d.safetensors", window=Size3(16, 3, 3), offsets=offsets)
        direct = weights.read(path, inflation=Inflation(temporal_window=16))
        assert changed.config.window == direct.config.window == (16, 3, 3)
        assert all(torch.equal(changed.state_dict[name], t) for name, t in direct.state_dict.items())


def test_options_that_do_not_fit_the_file_are_refused(state, tmp_path):
    path = saved(state, tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match=r"is a 3D model \(videoswin\), which is not inflated"):
        weights.read(path, inflation=Inflation(temporal_window=16))
    with pytest.raises(ConfigError, match=r"window is \(0, 7, 7\); allowed: three numbers of at least 1"):
        weights.read(path, window=Size3(0, 7, 7))


def test_control_characters_of_names_are_escaped(state, tmp_path):
    path = saved(state | {"norm\n\x1b[31m": torch.zeros(1)}, tmp_path / "a\nb.safetensors")
    with pytest.raises(WeightsError) as caught:
        weights.read(path)
    assert str(caught.value).isprintable()
    assert r"a\nb.safetensors" in str(caught.value)
