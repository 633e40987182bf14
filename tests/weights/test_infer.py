"""The configuration that tensors without a header imply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from videoswin import weights
from videoswin.errors import WeightsError
from videoswin.model import SWIN_T, SwinConfig, VideoSwin
from videoswin.values import ClipSpec, Size3
from videoswin.weights.formats import GATED, TABLE, TOP
from videoswin.weights.infer import infer_config

MICRO = SwinConfig(embed_dim=8, depths=(1, 2), num_heads=(1, 2), window=(4, 3, 3), num_classes=3)


def shapes_of(config: SwinConfig) -> dict[str, Tensor]:
    with torch.device("meta"):
        return dict(VideoSwin(config).state_dict())


@pytest.mark.parametrize(
    "config",
    [
        SWIN_T,
        replace(SWIN_T, window=(1, 7, 7), patch=(4, 4, 4), patch_norm=False, mlp_ratio=2.0),
        replace(SWIN_T, design="split", temporal_bias=True, window=(16, 7, 7)),
        replace(SWIN_T, design="factorized", temporal_bias=True, window=(16, 7, 7)),
        # 15^2 rows are also those of joint windows 5x3x3 and 13x2x2.
        replace(SWIN_T, design="factorized", temporal_bias=True, window=(5, 8, 8)),
    ],
)
def test_everything_is_in_the_tensors(config):
    assert infer_config(shapes_of(config), path="a") == config


@pytest.mark.parametrize("design", ["split", "factorized"])
def test_the_temporal_window_without_tables_in_time_is_asked_for(design):
    config = replace(MICRO, design=design)
    message = rf"a {design} model without bias tables in time, .*temporal window; .*\(PxMxM with M 3\)"
    with pytest.raises(WeightsError, match=message):
        infer_config(shapes_of(config), path="a")
    assert infer_config(shapes_of(config), path="a", frames=4) == config


def test_tables_in_time_count_more_than_what_is_asked_for():
    config = replace(MICRO, design="split", temporal_bias=True)
    assert infer_config(shapes_of(config), path="a", frames=16) == config


@pytest.mark.parametrize("shape", [(6, 2), (7,)])
@pytest.mark.parametrize(
    ("design", "name"),
    [("split", f"{TOP}blocks.0{TABLE}"), ("factorized", f"layers.0.blocks.0{GATED}{TABLE[1:]}")],
)
def test_a_table_in_time_of_impossible_rows_is_named(design, name, shape):
    state = shapes_of(replace(MICRO, design=design, temporal_bias=True))
    assert name in state
    with pytest.raises(WeightsError, match=r"bias_table is \(.*\); expected 2P-1 rows for a temporal window"):
        infer_config(state | {name: torch.zeros(shape)}, path="a")


@pytest.mark.parametrize("temporal_bias", [True, False])
def test_a_file_without_header_is_read_for_the_window_asked_for(tmp_path: Path, temporal_bias):
    """With tables in time they are resized to it, without them it is believed."""
    model = VideoSwin(replace(MICRO, design="factorized", temporal_bias=temporal_bias))
    torch.save(model.state_dict(), tmp_path / "a.pth")
    found = weights.read(tmp_path / "a.pth", window=Size3(8, 3, 3))
    assert found.config == replace(model.config, window=(8, 3, 3))
    resized = ("3 bias tables from window 4x3x3 to 8x3x3 (stretch)",) if temporal_bias else ()
    assert found.steps == resized
    assert weights.build(found)(torch.randn(1, 3, 16, 16, 16)).shape == (1, 3)


def test_a_header_knows_the_window_and_another_costs_nothing_without_tables_in_time(tmp_path: Path):
    model = VideoSwin(replace(MICRO, design="split"))
    weights.save(tmp_path / "a.safetensors", model, labels=(), clip=ClipSpec())
    assert weights.read(tmp_path / "a.safetensors").config == model.config
    longer = weights.read(tmp_path / "a.safetensors", window=Size3(8, 3, 3))
    assert longer.steps == ("window 4x3x3 to 8x3x3, which no bias table depends on",)
    assert all(torch.equal(longer.state_dict[name], t) for name, t in model.state_dict().items())
    wider = weights.read(tmp_path / "a.safetensors", window=Size3(8, 5, 5))
    assert wider.steps == ("3 bias tables from window 4x3x3 to 8x5x5 (bicubic)",)
    assert weights.build(wider)(torch.randn(1, 3, 16, 16, 16)).shape == (1, 3)


def test_parts_of_both_designs_are_left_over(tmp_path: Path):
    split = VideoSwin(replace(MICRO, design="split")).state_dict()
    factorized = VideoSwin(replace(MICRO, design="factorized")).state_dict()
    torch.save(split | factorized, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"24 left over: temporal\.blocks\.0\.attn"):
        weights.load(tmp_path / "a.pth", window=Size3(4, 3, 3))


def test_an_incomplete_model_is_named():
    state = shapes_of(replace(MICRO, design="split"))
    del state[f"layers.0.blocks.0{TABLE}"]
    with pytest.raises(WeightsError, match=r"a: not a complete Video Swin: tensor 'layers\.0.* is missing"):
        infer_config(state, path="a", frames=4)


def test_shapes_that_fit_nothing_are_named():
    state = shapes_of(MICRO) | {"patch_embed.proj.weight": torch.zeros(8, 3, 2)}
    with pytest.raises(WeightsError, match=r"patch_embed\.proj\.weight is \(8, 3, 2\); expected 5 sizes"):
        infer_config(state, path="a")
