"""Pretrained weights for another design: what stays, what is cut, what is new, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.weights import plain2d
from videoswin import weights
from videoswin.errors import ConfigError, WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec, Size3
from videoswin.weights import Weights, redesign
from videoswin.weights.formats import GATED, TABLE, TOP

JOINT = SwinConfig(embed_dim=8, depths=(1, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)
SPLIT, FACTORIZED = replace(JOINT, design="split"), replace(JOINT, design="factorized")
FIRST = f"layers.0.blocks.0{TABLE}"
CLIPS = torch.randn(2, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))


def weights_of(config: SwinConfig, *, seed: int = 0) -> Weights:
    """Of a random model in which every tensor matters: also the gates are not 0."""
    torch.manual_seed(seed)
    state = {name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in _state(config).items()}
    return Weights(path="a.safetensors", state_dict=state, config=config, labels=("a", "b", "c"))


def _state(config: SwinConfig) -> dict[str, torch.Tensor]:
    return dict(VideoSwin(config).state_dict())


def logits(found: Weights) -> torch.Tensor:
    with torch.no_grad():
        return weights.build(found).eval()(CLIPS)


def is_temporal(name: str) -> bool:
    return name.startswith(TOP) or GATED in name


@pytest.mark.parametrize("design", ["split", "factorized"])
def test_tables_keep_offset_0_and_the_rest_stays(design, caplog):
    caplog.set_level("INFO")
    joint = weights_of(JOINT)
    found = redesign(joint, replace(JOINT, design=design, num_classes=9))
    assert found.config == replace(JOINT, design=design)
    for name, tensor in joint.state_dict.items():
        if name.endswith(TABLE):
            # 3 offsets in time, -1, 0, 1, of 5 x 5 in space each.
            assert torch.equal(found.state_dict[name], tensor[25:50])
        else:
            assert found.state_dict[name] is tensor
    assert all(is_temporal(name) for name in found.state_dict.keys() - joint.state_dict.keys())
    assert joint.state_dict[FIRST].shape == (75, 1)
    assert caplog.messages == [f"a.safetensors: {'; '.join(found.steps)}"]


def test_what_was_done_is_written_out():
    assert redesign(weights_of(JOINT), FACTORIZED).steps == (
        "design joint to factorized",
        "3 bias tables cut to offset 0 in time",
        # 3 blocks of 2 norms, 2 of qkv, 2 of proj, 1 gate
        "21 tensors are new: temporal attention (gate 0: starts as the spatial network)",
    )
    assert redesign(weights_of(JOINT), replace(SPLIT, shift="none", temporal_bias=True)).steps == (
        "design joint to split",
        "shift 3d to none",
        "temporal_bias False to True",
        "3 bias tables cut to offset 0 in time",
        # 2 layers of 12 tensors and a table
        "26 tensors are new: temporal layers on top (initial values)",
    )


@pytest.mark.parametrize("temporal_bias", [False, True])
@pytest.mark.parametrize("design", ["split", "factorized"])
def test_new_tensors_are_initial_values_of_the_global_generator(design, temporal_bias):
    config = replace(JOINT, design=design, temporal_bias=temporal_bias)
    joint = weights_of(JOINT)
    torch.manual_seed(5)
    expected = _state(config)
    torch.manual_seed(5)
    found = redesign(joint, config)
    assert found.state_dict.keys() == expected.keys()
    new = [name for name in expected if is_temporal(name)]
    assert any(name.endswith(TABLE) for name in new) == temporal_bias
    assert all(torch.equal(found.state_dict[name], expected[name]) for name in new)
    other = redesign(joint, config).state_dict
    assert any(not torch.equal(other[name], expected[name]) for name in new)


@pytest.mark.parametrize("temporal_bias", [False, True])
def test_factorized_starts_as_the_spatial_network(temporal_bias):
    """Joint weights, cut to one frame by both ways."""
    joint = weights_of(JOINT)
    factorized = redesign(joint, replace(FACTORIZED, temporal_bias=temporal_bias))
    tables = {name: t[25:50] for name, t in joint.state_dict.items() if name.endswith(TABLE)}
    spatial = replace(
        joint, state_dict=joint.state_dict | tables, config=replace(JOINT, window=Size3(1, 3, 3))
    )
    assert torch.equal(logits(factorized), logits(spatial))
    assert not torch.allclose(logits(factorized), logits(joint), atol=1e-4)
    assert not torch.allclose(logits(redesign(joint, SPLIT)), logits(spatial), atol=1e-4)


@pytest.mark.parametrize("bias", ["duplicate", "center"])
@pytest.mark.parametrize("design", ["split", "factorized"])
def test_a_2d_model_gives_either_the_same_spatial_layers(tmp_path, design, bias):
    flat = plain2d.random_state(width=8, depths=(1, 2), heads=(1, 2), window=3, seed=0)
    torch.save({"model": flat}, tmp_path / "2d.pth")
    inflation = weights.Inflation(bias=bias)
    found = weights.read(tmp_path / "2d.pth", window=Size3(2, 3, 3), inflation=inflation)
    found = redesign(found, replace(JOINT, design=design))
    assert not found.has_head
    assert torch.equal(found.state_dict[FIRST], flat[FIRST])
    spatial = weights.read(tmp_path / "2d.pth", window=Size3(1, 3, 3), inflation=inflation)
    with torch.no_grad():
        features = weights.build(found, num_classes=2).features(CLIPS)
        expected = weights.build(spatial, num_classes=2).features(CLIPS)
    assert torch.equal(features[0], expected[0])
    assert torch.equal(features[-1], expected[-1]) == (design == "factorized")


@pytest.mark.parametrize("design", ["split", "factorized"])
def test_spatial_only_weights_keep_their_tables(tmp_path, design):
    """The ablations' common start: a joint model of one frame, read for a window of many."""
    spatial = weights_of(replace(JOINT, window=(1, 3, 3)))
    model = weights.build(spatial).eval()
    weights.save(tmp_path / "a.safetensors", model, labels=(), clip=ClipSpec())
    found = weights.read(tmp_path / "a.safetensors", window=Size3(16, 3, 3))
    found = redesign(found, replace(JOINT, design=design, window=(16, 3, 3)))
    assert all(torch.equal(found.state_dict[name], tensor) for name, tensor in spatial.state_dict.items())
    assert torch.equal(logits(found), logits(spatial)) == (design == "factorized")


def test_the_same_model_is_the_same_weights(caplog):
    caplog.set_level("INFO")
    for config in (JOINT, SPLIT, FACTORIZED):
        found = weights_of(config)
        assert redesign(found, replace(config, num_classes=9)) is found
    assert not caplog.messages


@pytest.mark.parametrize("config", [JOINT, SPLIT, FACTORIZED])
@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"shift": "spatial"}, "shift 3d to spatial"),
        ({"legacy_bias_index": True}, "legacy_bias_index False to True"),
    ],
)
def test_shift_and_index_change_without_a_tensor(config, change, step):
    old = weights_of(config)
    found = redesign(old, replace(config, **change))
    assert found.config == replace(config, **change)
    assert found.steps == (step,)
    assert found.state_dict.keys() == old.state_dict.keys()
    assert all(found.state_dict[name] is tensor for name, tensor in old.state_dict.items())


@pytest.mark.parametrize(("config", "tables"), [(SPLIT, 2), (FACTORIZED, 3)])
def test_bias_in_time_can_be_added(config, tables):
    old = weights_of(config)
    found = redesign(old, replace(config, temporal_bias=True))
    assert found.steps == (
        "temporal_bias False to True",
        f"{tables} tensors are new: bias tables in time (initial values)",
    )
    assert all(found.state_dict[name] is tensor for name, tensor in old.state_dict.items())
    added = found.state_dict.keys() - old.state_dict.keys()
    assert all(found.state_dict[name].shape[0] == 3 for name in added)
    weights.build(found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (SPLIT, JOINT, "a split model can't become a joint model: 24 trained tensors would be lost"),
        (SPLIT, FACTORIZED, "a split model can't become a factorized model: 24 trained tensors"),
        (FACTORIZED, SPLIT, r"a factorized model can't become a split model: 21 .*lost \(layers\.0\.blocks"),
        (
            replace(FACTORIZED, temporal_bias=True),
            FACTORIZED,
            "a factorized model with temporal bias can't become a factorized model: 3 trained tensors",
        ),
    ],
)
def test_trained_tensors_are_never_lost(old, new, message):
    with pytest.raises(WeightsError, match=f"^a.safetensors: {message}.*; start from a joint or a 2D model$"):
        redesign(weights_of(old), new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embed_dim": 16}, r"embed_dim is 16 in model and 8 in weights"),
        ({"patch": (4, 4, 4)}, r"patch is \[4, 4, 4\] in model and \[2, 4, 4\] in weights"),
        ({"window": (4, 3, 3)}, r"window is \[4, 3, 3\] in model and \[2, 3, 3\] in weights"),
        ({"mlp_ratio": 2.0, "patch_norm": False}, r"patch_norm is false .* true .*; mlp_ratio is 2\.0"),
    ],
)
def test_another_network_is_refused_with_both_values(change, message):
    with pytest.raises(ConfigError, match=rf"model and weights \(a.safetensors\) disagree: .*{message}"):
        redesign(weights_of(JOINT), replace(FACTORIZED, **change))


def test_tensors_that_the_file_lacks_are_not_made_up():
    joint = weights_of(JOINT)
    del joint.state_dict["layers.0.blocks.0.norm1.weight"]
    with pytest.raises(WeightsError, match=r"1 missing: layers\.0\.blocks\.0\.norm1\.weight"):
        weights.build(redesign(joint, FACTORIZED))


@pytest.mark.parametrize("temporal_bias", [False, True])
@pytest.mark.parametrize("config", [SPLIT, FACTORIZED])
@pytest.mark.parametrize("with_header", [True, False])
def test_saved_and_read_again(tmp_path: Path, config, temporal_bias, with_header):
    found = weights_of(replace(config, temporal_bias=temporal_bias, shift="3d"))
    if with_header:
        found = replace(found, config=replace(found.config, shift="spatial"))
    model = weights.build(found).eval()
    if with_header:
        path = tmp_path / "a.safetensors"
        weights.save(path, model, labels=("a", "b", "c"), clip=ClipSpec())
    else:
        path = tmp_path / "a.pth"
        torch.save(model.state_dict(), path)
    again = weights.read(path, window=Size3(2, 3, 3))
    assert again.config == found.config
    assert again.steps == ()
    assert torch.equal(logits(again), logits(found))
