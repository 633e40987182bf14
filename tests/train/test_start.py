from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.material import CLIP, MICRO, micro_config
from tests.weights import plain2d
from videoswin import weights
from videoswin.errors import ConfigError, WeightsError
from videoswin.model import SWIN_T, VideoSwin
from videoswin.train.config import TrainConfig
from videoswin.train.start import build_model, choose_clip, read_pretrained
from videoswin.values import ClipSpec
from videoswin.weights import Inflation

LABELS = ("bright", "dark")


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """Weights of MICRO for LABELS."""
    torch.manual_seed(1)
    path = tmp_path / "pretrained.safetensors"
    weights.save(path, VideoSwin(replace(MICRO, num_classes=2)), labels=LABELS, clip=CLIP)
    return path


def config_with(pretrained: Path, **change: object) -> TrainConfig:
    config = micro_config(Path("videos"), Path("run"), weights=str(pretrained), model=None, clip=None)
    return replace(config, **change)  # type: ignore[arg-type]


def test_from_scratch_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert read_pretrained(micro_config(Path("videos"), Path("run"))) is None
    assert caplog.messages == [
        "training from scratch: no pretrained weights named (--weights PATH to fine-tune)"
    ]


def test_a_slow_backbone_from_scratch_is_worth_a_second_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = micro_config(Path("videos"), Path("run"))
    read_pretrained(replace(config, optimizer=replace(config.optimizer, backbone_multiplier=0.1)))
    assert "from scratch --optimizer.backbone_multiplier 1 is right" in caplog.messages[1]


def test_from_scratch_without_a_model_is_swin_t() -> None:
    config = micro_config(Path("videos"), Path("run"), model=None)
    with torch.device("meta"):
        model = build_model(config, None, labels=LABELS)
    assert model.config == replace(SWIN_T, num_classes=2)


def test_the_number_of_classes_comes_from_the_data() -> None:
    model = build_model(micro_config(Path("videos"), Path("run")), None, labels=("a", "b", "c"))
    assert model.config == replace(MICRO, num_classes=3)


def test_clip_is_the_runs_else_the_weights_else_the_papers(pretrained: Path) -> None:
    own = ClipSpec(num_frames=8)
    found = weights.read(pretrained)
    assert choose_clip(config_with(pretrained, clip=own), found) == own
    assert choose_clip(config_with(pretrained), found) == CLIP
    assert choose_clip(micro_config(Path("videos"), Path("run"), clip=None), None) == ClipSpec()


def test_equal_labels_keep_the_head(pretrained: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = config_with(pretrained)
    found = read_pretrained(config)
    assert found is not None
    state = build_model(config, found, labels=LABELS).state_dict()
    assert state.keys() == found.state_dict.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in found.state_dict.items())
    assert caplog.messages == [f"head of {pretrained} kept: it names the same 2 labels as the data"]


@pytest.mark.parametrize("labels", [("bright", "pale"), ("a", "b", "c"), ("dark", "bright")])
def test_other_labels_get_a_new_head_and_one_line(
    pretrained: Path, labels: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = config_with(pretrained)
    found = read_pretrained(config)
    assert found is not None
    model = build_model(config, found, labels=labels)
    assert model.head.weight.shape == (len(labels), 32)
    assert not torch.equal(model.head.weight[:2], found.state_dict["head.weight"][:2])
    assert model.head.bias.count_nonzero() == 0
    assert torch.equal(model.patch_embed.proj.weight, found.state_dict["patch_embed.proj.weight"])
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("new head: ")


def test_the_same_model_beside_weights_is_fine(pretrained: Path) -> None:
    assert read_pretrained(config_with(pretrained, model=replace(MICRO, num_classes=9))) is not None


def test_another_model_beside_weights_is_refused(pretrained: Path) -> None:
    other = replace(MICRO, patch=(4, 4, 4), mlp_ratio=2.0)
    message = (
        f"model and weights ({pretrained}) disagree: patch is [4, 4, 4] in model and [2, 4, 4] in weights; "
        "mlp_ratio is 2.0 in model and 4.0 in weights; leave model out to take it from the weights"
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_pretrained(config_with(pretrained, model=other))


def test_another_window_resizes_the_tables(pretrained: Path) -> None:
    """As from Kinetics with window 8 to Something-Something with 16."""
    config = config_with(pretrained, model=replace(MICRO, window=(4, 4, 4)))
    found = read_pretrained(config)
    assert found is not None
    assert found.steps == ("2 bias tables from window 2x4x4 to 4x4x4 (stretch)",)
    model = build_model(config, found, labels=LABELS)
    assert model.config == replace(MICRO, window=(4, 4, 4), num_classes=2)
    old = weights.read(pretrained).state_dict["layers.0.blocks.0.attn.relative_position_bias_table"]
    new = model.layers[0].blocks[0].attn.relative_position_bias_table
    assert torch.equal(new[3 * 49 : 4 * 49], old[49 : 2 * 49])  # offset 0


@pytest.mark.parametrize(
    ("change", "num_new"),
    [
        ({"design": "split", "window": (4, 4, 4)}, 24),
        ({"design": "factorized", "window": (4, 4, 4)}, 14),
        ({"design": "factorized", "temporal_bias": True, "shift": "spatial"}, 16),
        ({"shift": "none", "legacy_bias_index": True}, 0),
    ],
)
def test_another_design_starts_from_the_same_weights(
    pretrained: Path, change: dict[str, Any], num_new: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = config_with(pretrained, model=replace(MICRO, **change))
    found = read_pretrained(config)
    assert found is not None
    model = build_model(config, found, labels=LABELS)
    assert model.config == replace(MICRO, num_classes=2, **change)
    joint = weights.read(pretrained).state_dict
    assert len(model.state_dict().keys() - joint.keys()) == num_new
    assert torch.equal(model.head.weight, joint["head.weight"])
    assert sum(f"{num_new} tensors are new" in line for line in caplog.messages) == (num_new > 0)


def test_trained_temporal_parts_are_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "split.safetensors"
    split = VideoSwin(replace(MICRO, design="split", num_classes=2))
    weights.save(path, split, labels=LABELS, clip=CLIP)
    with pytest.raises(WeightsError, match="a split model can't become a joint model: 24 trained tensors"):
        read_pretrained(config_with(path, model=MICRO))


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nothing\.safetensors"):
        read_pretrained(config_with(tmp_path / "nothing.safetensors"))


@pytest.fixture
def picture_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A 2D Swin of 5 classes, as microsoft keeps it."""
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path / "cache"))
    state = plain2d.random_state(width=16, depths=(1, 1), heads=(1, 2), window=4, seed=0)
    torch.save({"model": state}, tmp_path / "swin_2d.pth")
    return tmp_path / "swin_2d.pth"


def test_a_2d_swin_is_inflated_and_said_so(picture_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = config_with(picture_model, model=MICRO)
    found = read_pretrained(config)
    assert found is not None
    # As many labels as the classifier default has: the head is new all the same.
    labels = tuple(map(str, range(found.config.num_classes)))
    model = build_model(config, found, labels=labels)
    assert model.config == replace(MICRO, num_classes=len(labels))
    state = torch.load(picture_model)["model"]
    torch.testing.assert_close(
        model.patch_embed.proj.weight.sum(2), state["patch_embed.proj.weight"], rtol=0, atol=1e-6
    )
    assert caplog.messages == [
        f"{picture_model}: a 2D Swin with microsoft names; 32 tensors copied; patch embedding to 2 frames "
        "(inflate); 2 bias tables to 2 frames (duplicate); 2 tensors of the 2D classifier dropped; "
        "the head is new",
        f"new head: {picture_model} has none for videos, {len(labels)} wanted",
    ]


def test_another_2d_model_than_wanted_is_refused_with_both_numbers(picture_model: Path) -> None:
    other = replace(MICRO, window=(8, 4, 4), num_heads=(2, 4), embed_dim=32)
    message = (
        r"embed_dim is 32 in model and 16 in weights; num_heads is \[2, 4\] in model and \[1, 2\] in weights"
    )
    with pytest.raises(ConfigError, match=message):
        read_pretrained(config_with(picture_model, model=other))


@pytest.mark.parametrize("design", ["joint", "split", "factorized"])
def test_a_2d_swin_takes_the_window_and_design_of_the_model(picture_model: Path, design: Any) -> None:
    model = replace(MICRO, window=(4, 3, 5), patch=(4, 4, 4), design=design)
    found = read_pretrained(config_with(picture_model, inflation=Inflation(temporal_patch=4), model=model))
    assert found is not None
    assert found.config == model
    assert weights.build(found, num_classes=2).config == replace(model, num_classes=2)


def test_a_2d_swin_has_one_temporal_patch_and_window(picture_model: Path) -> None:
    model = replace(MICRO, patch=(4, 4, 4))
    message = (
        r"model\.patch is \[4, 4, 4\], but .*swin_2d\.pth is inflated to patches of 2 frames; set "
        r"inflation\.temporal_patch to 4 \(or model\.patch to \[2, 4, 4\]\)"
    )
    with pytest.raises(ConfigError, match=message):
        read_pretrained(config_with(picture_model, model=model))
    message = r"inflation\.temporal_window is 16, but model\.window is \[2, 4, 4\]; leave inflation\."
    with pytest.raises(ConfigError, match=message):
        read_pretrained(config_with(picture_model, model=MICRO, inflation=Inflation(temporal_window=16)))


def test_an_inflation_of_nothing_is_refused(pretrained: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a 3D model \(videoswin\), which is not inflated"):
        read_pretrained(config_with(pretrained, inflation=Inflation(bias="center")))
    scratch = replace(micro_config(Path("v"), Path("r")), inflation=Inflation(bias="center"))
    with pytest.raises(ConfigError, match="no weights to inflate"):
        read_pretrained(scratch)


def test_regularisation_reaches_the_model() -> None:
    config = replace(micro_config(Path("v"), Path("r")), head_dropout=0.25, recompute_stages=1)
    config = replace(config, recompute="mlp", precision="bf16", residual="bf16", skip_dropped=True)
    model = build_model(config, None, labels=LABELS)
    assert (model.dropout.p, model.residual) == (0.25, "bf16")
    blocks = [stage.blocks[0] for stage in model.layers]
    assert [block.recompute for block in blocks] == ["mlp", None]
    assert all(block.drop_path.skips for block in blocks)
