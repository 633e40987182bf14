"""Names: official <-> ours, recognition, and the window from shapes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from tests.model import golden
from videoswin.errors import WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import Size3
from videoswin.weights import FORMATS, convert, recognise
from videoswin.weights.formats import infer_design, infer_window

MICRO = SwinConfig(embed_dim=8, depths=(1, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)


def test_official_names_and_shapes_are_those_of_the_official_code():
    expected = json.loads((golden.FOLDER / "micro_state_dict_shapes.json").read_text())
    with torch.device("meta"):
        model = VideoSwin(golden.read("micro").config)
    ours = {name: torch.empty(tensor.shape) for name, tensor in model.state_dict().items()}
    official = convert(ours, to="official")
    assert {name: list(tensor.shape) for name, tensor in official.items()} == expected


@pytest.mark.parametrize("name", list(FORMATS))
def test_round_trip_is_bit_equal(name):
    state = VideoSwin(MICRO).state_dict()
    foreign = convert(state, to=name)
    back = convert(foreign, to="videoswin")
    assert recognise(foreign) == name
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)
    again = convert(back, to=name)
    assert again.keys() == foreign.keys()
    assert all(torch.equal(again[key], foreign[key]) for key in foreign)


@pytest.mark.parametrize(
    ("ours", "official", "mmaction2", "torchvision"),
    [
        (
            "patch_embed.proj.weight",
            "backbone.patch_embed.proj.weight",
            "backbone.patch_embed.proj.weight",
            None,
        ),
        (
            "layers.1.blocks.1.mlp.fc2.bias",
            "backbone.layers.1.blocks.1.mlp.fc2.bias",
            None,
            "features.2.1.mlp.3.bias",
        ),
        (
            "layers.0.downsample.norm.bias",
            "backbone.layers.0.downsample.norm.bias",
            None,
            "features.1.norm.bias",
        ),
        ("norm.weight", "backbone.norm.weight", "backbone.norm1.weight", "norm.weight"),
        ("head.bias", "cls_head.fc_cls.bias", "cls_head.fc_cls.bias", "head.bias"),
    ],
)
def test_names_written_out(ours, official, mmaction2, torchvision):
    """None stands for the same as the official name (mmaction2) or ours (torchvision)."""
    state = VideoSwin(MICRO).state_dict()
    for to, name in (
        ("official", official),
        ("mmaction2", mmaction2 or official),
        ("torchvision", torchvision or ours),
    ):
        assert torch.equal(convert(state, to=to)[name], state[ours])


def test_official_index_buffer_is_the_official_formula():
    """Written out for a window of 2x2x2: 27 rows, the diagonal in the middle, token 0 against token 7
    first."""
    state = VideoSwin(SwinConfig(embed_dim=8, depths=(1,), num_heads=(1,), window=(2, 2, 2))).state_dict()
    index = convert(state, to="official")["backbone.layers.0.blocks.0.attn.relative_position_index"]
    assert index.shape == (8, 8)
    assert index.diagonal().tolist() == [13] * 8
    assert index[0].tolist() == [13, 12, 10, 9, 4, 3, 1, 0]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "no tensors at all"),
        (
            ["backbone.encoder.0.weight", "head.weight"],
            "nearest is videoswin, where 1 of 2 .* backbone.encoder.0.weight",
        ),
        (
            ["backbone.norm.weight", "cls_head.fc_cls.bias", "optimizer.x"],
            "nearest is official, .*: optimizer.x",
        ),
    ],
)
def test_unknown_formats_are_named(keys, message):
    with pytest.raises(WeightsError, match=message):
        recognise(keys)


@pytest.mark.parametrize(
    ("keys", "design"),
    [
        ([], "joint"),
        (["layers.0.blocks.0.attn.qkv.bias", "norm.weight"], "joint"),
        (["layers.0.blocks.0.attn.qkv.bias", "temporal.blocks.0.norm1.bias"], "split"),
        (["layers.0.blocks.0.temporal.gate"], "factorized"),
    ],
)
def test_the_design_is_in_the_names(keys, design):
    assert infer_design(keys) == design


@pytest.mark.parametrize("to", list(FORMATS))
@pytest.mark.parametrize("design", ["split", "factorized"])
def test_designs_have_our_names_only(design, to):
    state = VideoSwin(replace(MICRO, design=design)).state_dict()
    assert recognise(state) == "videoswin"
    if to == "videoswin":
        assert convert(state, to=to).keys() == state.keys()
        return
    with pytest.raises(WeightsError, match=f"a {design} model has no names in {to}, which knows the joint"):
        convert(state, to=to)


@pytest.mark.parametrize(
    ("rows", "window"),
    [
        (2535, (8, 7, 7)),
        (5239, (16, 7, 7)),
        (7935, (8, 12, 12)),
        (1183, (4, 7, 7)),
        (169, (1, 7, 7)),
        (75, (2, 3, 3)),
    ],
)
def test_window_of_a_bias_table(rows, window):
    assert infer_window(
        {"layers.0.blocks.0.attn.relative_position_bias_table": torch.zeros(rows, 1)}
    ) == Size3(*window)


def test_ambiguous_window_is_named_and_the_index_buffer_decides():
    """2025 rows are 225 * 3^2, 81 * 5^2, 25 * 9^2, 9 * 15^2 and 1 * 45^2."""
    table = {"layers.0.blocks.0.attn.relative_position_bias_table": torch.zeros(2025, 1)}
    with pytest.raises(
        WeightsError, match="2025 rows fit 113x2x2 or 41x3x3 or 13x5x5 or 5x8x8 or 1x23x23; expected one"
    ):
        infer_window(table)
    index = {"layers.0.blocks.0.attn.relative_position_index": torch.zeros(320, 320)}
    assert infer_window(table | index) == Size3(5, 8, 8)


def test_impossible_window_is_named():
    with pytest.raises(WeightsError, match="bias tables of 10 rows fit no window"):
        infer_window({"layers.0.blocks.0.attn.relative_position_bias_table": torch.zeros(10, 1)})
