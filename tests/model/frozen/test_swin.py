"""A frozen model computes what the model computes, at every size and for every design."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.model import golden
from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.blocks import normalise
from videoswin.model.frozen import FrozenSwin, block, can_freeze, linear
from videoswin.model.frozen.swin import KEPT_ROUTES

MICRO = SwinConfig(
    embed_dim=12, depths=(2, 3), num_heads=(2, 3), window=(4, 3, 3), num_classes=5, mlp_ratio=2.0
)
SIZES = [(8, 48, 48), (3, 33, 47), (17, 20, 90)]


def make(config: SwinConfig) -> VideoSwin:
    """Weights large enough for attention and bias to matter."""
    torch.manual_seed(0)
    model = VideoSwin(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def pixels(size: tuple[int, int, int], *, batch_size: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (batch_size, 3, *size), generator=generator, dtype=torch.uint8)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


@pytest.mark.parametrize("name", ["micro", "micro_short", "micro_pad", "tiny"])
def test_logits_are_those_of_the_official_code(name):
    config, clips, expected, _ = golden.read(name)
    model = golden.model(config, backend="boxes", dtype=torch.float32)
    assert relative_error(FrozenSwin(model)(clips.float()), expected["logits"]) < 2e-5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("legacy_bias_index", [False, True])
def test_fp32_is_the_model(size, legacy_bias_index):
    model = make(replace(MICRO, legacy_bias_index=legacy_bias_index))
    clips = pixels(size)
    with torch.no_grad():
        expected = model.double()(clips)
    assert relative_error(FrozenSwin(model.float())(clips), expected) < 1e-5
    assert relative_error(FrozenSwin(model)(normalise(clips)), expected) < 1e-5


@pytest.mark.parametrize("design", ["split", "factorized"])
@pytest.mark.parametrize("temporal_bias", [False, True])
def test_every_design(design, temporal_bias):
    model = make(replace(MICRO, design=design, temporal_bias=temporal_bias))
    clips = pixels((8, 48, 48))
    with torch.no_grad():
        expected = model.double()(clips)
    assert relative_error(FrozenSwin(model.float())(clips), expected) < 1e-5


def test_few_boxes_at_a_time_change_nothing(monkeypatch):
    model, clips = make(MICRO), pixels((17, 20, 90))
    whole = FrozenSwin(model)(clips)
    monkeypatch.setattr(block, "ELEMENTS_AT_ONCE", 100)
    assert relative_error(FrozenSwin(model)(clips), whole) < 1e-6


def test_without_fused_operators(monkeypatch):
    model, clips = make(MICRO), pixels((8, 48, 48))
    fused = FrozenSwin(model)(clips)
    monkeypatch.setattr(linear, "has_fused_linear", lambda dtype: False)
    assert relative_error(FrozenSwin(model)(clips), fused) < 1e-6


def test_bf16_errs_no_more_than_autocast():
    model, clips = make(MICRO), pixels((8, 48, 48), batch_size=8)
    with torch.no_grad():
        expected = model.double()(clips)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            eager = model.float()(clips)
    assert relative_error(FrozenSwin(model, "bf16")(clips), expected) < 1.2 * relative_error(eager, expected)


def test_int8_is_near():
    model, clips = make(MICRO), pixels((8, 48, 48))
    assert relative_error(FrozenSwin(model, "int8")(clips), FrozenSwin(model)(clips)) < 0.1


def test_a_clip_does_not_depend_on_its_batch():
    frozen, clips = FrozenSwin(make(MICRO)), pixels((3, 33, 47), batch_size=3)
    torch.testing.assert_close(frozen(clips)[1:2], frozen(clips[1:2]), atol=1e-5, rtol=1e-5)


def test_it_repeats_itself_at_any_number_of_sizes():
    frozen = FrozenSwin(make(MICRO))
    clips = [pixels((2 * frames, 32, 32)) for frames in range(1, KEPT_ROUTES + 3)]
    first = [frozen(clip) for clip in clips]
    assert all(torch.equal(frozen(clip), before) for clip, before in zip(clips, first, strict=True))


def test_another_backend_is_not_frozen():
    assert can_freeze(VideoSwin(MICRO, attention_backend="boxes"))
    assert not can_freeze(VideoSwin(MICRO, attention_backend="reference"))


@pytest.mark.parametrize("clips", [torch.zeros(1, 3, 4, 32), torch.zeros(1, 2, 4, 32, 32)])
def test_another_shape_is_refused(clips):
    with pytest.raises(ValueError, match=r"expected \(B, 3, T, H, W\)"):
        FrozenSwin(make(MICRO))(clips)


def test_whole_numbers_other_than_bytes_are_refused():
    with pytest.raises(ValueError, match="expected float"):
        FrozenSwin(make(MICRO))(torch.zeros(1, 3, 4, 32, 32, dtype=torch.int64))
