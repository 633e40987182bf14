"""Names of the 2D formats, written out, and how they are told apart."""

from __future__ import annotations

import pytest
import torch

from tests.weights import plain2d
from videoswin.errors import WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.weights.flat import FLAT_FORMATS, from_flat, identify, to_flat
from videoswin.weights.formats import FORMATS, convert

STATE = plain2d.random_state(width=8, depths=(1, 2, 1), heads=(1, 2, 4), window=3, seed=0)

# our name: microsoft, timm, huggingface, huggingface5, torchvision2d
NAMES = {
    "patch_embed.proj.weight": (
        "patch_embed.proj.weight",
        "patch_embed.proj.weight",
        "swin.embeddings.patch_embeddings.projection.weight",
        "swin.embeddings.patch_embeddings.projection.weight",
        "features.0.0.weight",
    ),
    "patch_embed.norm.bias": (
        "patch_embed.norm.bias",
        "patch_embed.norm.bias",
        "swin.embeddings.norm.bias",
        "swin.embeddings.norm.bias",
        "features.0.2.bias",
    ),
    "layers.1.blocks.1.norm1.weight": (
        "layers.1.blocks.1.norm1.weight",
        "layers.1.blocks.1.norm1.weight",
        "swin.encoder.layers.1.blocks.1.layernorm_before.weight",
        "swin.encoder.layers.1.blocks.1.layernorm_before.weight",
        "features.3.1.norm1.weight",
    ),
    "layers.0.blocks.0.norm2.bias": (
        "layers.0.blocks.0.norm2.bias",
        "layers.0.blocks.0.norm2.bias",
        "swin.encoder.layers.0.blocks.0.layernorm_after.bias",
        "swin.encoder.layers.0.blocks.0.layernorm_after.bias",
        "features.1.0.norm2.bias",
    ),
    "layers.1.blocks.0.attn.relative_position_bias_table": (
        "layers.1.blocks.0.attn.relative_position_bias_table",
        "layers.1.blocks.0.attn.relative_position_bias_table",
        "swin.encoder.layers.1.blocks.0.attention.self.relative_position_bias_table",
        "swin.encoder.layers.1.blocks.0.attention.relative_position_bias.relative_position_bias_table",
        "features.3.0.attn.relative_position_bias_table",
    ),
    "layers.2.blocks.0.attn.proj.weight": (
        "layers.2.blocks.0.attn.proj.weight",
        "layers.2.blocks.0.attn.proj.weight",
        "swin.encoder.layers.2.blocks.0.attention.output.dense.weight",
        "swin.encoder.layers.2.blocks.0.attention.o_proj.weight",
        "features.5.0.attn.proj.weight",
    ),
    "layers.2.blocks.0.mlp.fc1.weight": (
        "layers.2.blocks.0.mlp.fc1.weight",
        "layers.2.blocks.0.mlp.fc1.weight",
        "swin.encoder.layers.2.blocks.0.intermediate.dense.weight",
        "swin.encoder.layers.2.blocks.0.mlp.fc1.weight",
        "features.5.0.mlp.0.weight",
    ),
    "layers.2.blocks.0.mlp.fc2.bias": (
        "layers.2.blocks.0.mlp.fc2.bias",
        "layers.2.blocks.0.mlp.fc2.bias",
        "swin.encoder.layers.2.blocks.0.output.dense.bias",
        "swin.encoder.layers.2.blocks.0.mlp.fc2.bias",
        "features.5.0.mlp.3.bias",
    ),
    "layers.0.downsample.reduction.weight": (
        "layers.0.downsample.reduction.weight",
        "layers.1.downsample.reduction.weight",
        "swin.encoder.layers.0.downsample.reduction.weight",
        "swin.encoder.layers.0.downsample.reduction.weight",
        "features.2.reduction.weight",
    ),
    "layers.1.downsample.norm.weight": (
        "layers.1.downsample.norm.weight",
        "layers.2.downsample.norm.weight",
        "swin.encoder.layers.1.downsample.norm.weight",
        "swin.encoder.layers.1.downsample.norm.weight",
        "features.4.norm.weight",
    ),
    "norm.bias": ("norm.bias", "norm.bias", "swin.layernorm.bias", "swin.layernorm.bias", "norm.bias"),
    "head.weight": ("head.weight", "head.fc.weight", "classifier.weight", "classifier.weight", "head.weight"),
}


@pytest.mark.parametrize("ours", list(NAMES))
def test_names_written_out(ours):
    for target, name in zip(FLAT_FORMATS, NAMES[ours], strict=True):
        assert torch.equal(to_flat(STATE, target=target)[name], STATE[ours]), target


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("huggingface", ("self.query", "self.key", "self.value")),
        ("huggingface5", ("q_proj", "k_proj", "v_proj")),
    ],
)
def test_query_key_value_are_joined_in_this_order(target, names):
    flat, block = to_flat(STATE, target=target), "layers.0.blocks.0."
    for kind in ("weight", "bias"):
        parts = [flat[f"swin.encoder.{block}attention.{name}.{kind}"] for name in names]
        assert torch.equal(torch.cat(parts), STATE[f"{block}attn.qkv.{kind}"])


@pytest.mark.parametrize("name", list(FLAT_FORMATS))
def test_round_trip_is_bit_equal(name):
    flat = to_flat(STATE, target=name)
    assert identify(flat) == name
    back = from_flat(flat, source=name)
    assert back.keys() == STATE.keys()
    assert all(torch.equal(back[key], STATE[key]) for key in STATE)
    assert to_flat(back, target=name).keys() == flat.keys()


@pytest.mark.parametrize("name", ["huggingface", "huggingface5"])
def test_a_model_without_classifier_has_no_swin_prefix(name):
    flat = to_flat(STATE, target=name)
    bare = {key.removeprefix("swin."): tensor for key, tensor in flat.items() if "classifier" not in key}
    assert identify(bare) == name
    assert from_flat(bare, source=name).keys() == {key for key in STATE if not key.startswith("head.")}


@pytest.mark.parametrize(
    ("name", "buffer"),
    [
        ("microsoft", "layers.0.blocks.0.attn.relative_position_index"),
        ("microsoft", "layers.1.blocks.1.attn_mask"),
        ("timm", "layers.1.blocks.1.attn_mask"),
        ("huggingface", "swin.encoder.layers.0.blocks.0.attention.self.relative_position_index"),
        ("torchvision2d", "features.1.0.attn.relative_position_index"),
    ],
)
def test_buffers_are_dropped(name, buffer):
    flat = to_flat(STATE, target=name) | {buffer: torch.zeros(9, 9, dtype=torch.int64)}
    assert identify(flat) == name
    assert from_flat(flat, source=name).keys() == STATE.keys()


def test_3d_models_are_told_from_2d_ones():
    state = VideoSwin(SwinConfig(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3))).state_dict()
    for name in FORMATS:
        assert identify(convert(state, to=name)) == name


@pytest.mark.parametrize(
    "key", ["layers.0.blocks.0.attn.logit_scale", "layers.0.blocks.0.attn.cpb_mlp.0.weight",
            "swinv2.encoder.layers.0.blocks.0.attention.self.continuous_position_bias_mlp.0.weight"]
)  # fmt: skip
def test_swin_v2_is_refused(key):
    with pytest.raises(WeightsError, match=r"a Swin V2 .*: layers\.0|a Swin V2 .*: swinv2"):
        identify(STATE | {key: torch.zeros(1)})


@pytest.mark.parametrize(
    ("stranger", "message"),
    [
        ("absolute_pos_embed", "nearest is microsoft, where 1 of 67 names have no place: absolute_pos_embed"),
        (
            "layers.0.blocks.0.attn.qkv.gamma",
            r"1 of 67 names have no place: layers\.0\.blocks\.0\.attn\.qkv\.gamma",
        ),
    ],
)
def test_names_that_a_2d_swin_has_not_are_refused(stranger, message):
    with pytest.raises(WeightsError, match=message):
        identify(STATE | {stranger: torch.zeros(1)})


def test_incomplete_query_key_value_is_named():
    flat = to_flat(STATE, target="huggingface")
    name = "swin.encoder.layers.0.blocks.0.attention.self.value.bias"
    with pytest.raises(
        WeightsError, match=r"belong together; 'layers.0.blocks.0.attn.value.bias' is missing"
    ):
        from_flat({key: tensor for key, tensor in flat.items() if key != name}, source="huggingface")
    flat["swin.encoder.layers.0.blocks.0.attention.self.query.weight"] = torch.zeros(8, 7)
    with pytest.raises(WeightsError, match=r"query, key and value of .*query.weight have shapes \(8, 7\), "):
        from_flat(flat, source="huggingface")
