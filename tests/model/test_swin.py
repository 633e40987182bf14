"""Behaviour of the model that no golden file shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videoswin.errors import ConfigError
from videoswin.model import SWIN_B, SWIN_L, SWIN_L_384, SWIN_S, SWIN_T, SwinConfig, VideoSwin
from videoswin.model.blocks import PIXEL_MEAN, PIXEL_STD, PatchMerging

MICRO = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)


def clips(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def micro() -> VideoSwin:
    torch.manual_seed(0)
    return VideoSwin(MICRO).eval()


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (SWIN_T, 28_158_070),
        (SWIN_S, 49_816_678),
        (SWIN_B, 88_048_984),
        (SWIN_L, 196_953_916),
        (SWIN_L_384, 199_999_516),
    ],
)
def test_parameters_of_the_published_sizes_built_on_the_meta_device(config, parameters):
    with torch.device("meta"):
        model = VideoSwin(config, drop_path_rate=0.2)
        logits = model(torch.empty(2, 3, 32, 224, 224))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert not list(model.buffers())  # nothing that loading on the meta device could leave without values
    assert logits.shape == (2, 400)


def test_uint8_is_normalised_inside_and_float_is_taken_as_it_is(micro):
    pixels = clips(1, 3, 4, 24, 24)
    mean, std = (torch.tensor(values).view(3, 1, 1, 1) for values in (PIXEL_MEAN, PIXEL_STD))
    torch.testing.assert_close(micro(pixels), micro((pixels - mean) / std))
    assert not torch.allclose(micro(pixels), micro(pixels.float()))


def test_features_are_one_tensor_a_stage(micro):
    features = micro.features(clips(2, 3, 8, 32, 48))
    assert [tuple(stage.shape) for stage in features] == [(2, 4, 8, 12, 8), (2, 4, 4, 6, 16)]
    torch.testing.assert_close(micro.head(features[-1].mean((1, 2, 3))), micro(clips(2, 3, 8, 32, 48)))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40))
def test_any_clip_size_works_and_a_batch_equals_its_clips(frames, height, width):
    torch.manual_seed(0)
    model = VideoSwin(MICRO).eval()
    batch = clips(2, 3, frames, height, width)
    with torch.inference_mode():
        logits = model(batch)
        torch.testing.assert_close(logits, torch.cat([model(batch[:1]), model(batch[1:])]))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


def test_patches_are_padded_with_normalised_zeros(micro):
    short = clips(1, 3, 3, 22, 23).float()
    padded = torch.nn.functional.pad(short, (0, 1, 0, 2, 0, 1))
    torch.testing.assert_close(micro(short), micro(padded))


def test_merging_order_is_the_official_one():
    """Neighbours (h, w) in the order (0,0), (1,0), (0,1), (1,1); an odd width is padded with zeros."""
    merging = PatchMerging(1)
    merging.norm = torch.nn.Identity()
    merging.reduction = torch.nn.Identity()
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).view(1, 1, 2, 3, 1)
    with torch.no_grad():  # else it looks into the norm, to compute it again
        assert merging(x).flatten(0, 3).tolist() == [[1, 4, 2, 5], [3, 6, 0, 0]]


def test_drop_path_grows_linearly_over_all_blocks():
    model = VideoSwin(replace(MICRO, depths=(2, 3)), drop_path_rate=0.4)
    rates = [block.drop_path.rate for stage in model.layers for block in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_recomputed_blocks_give_the_same_gradients():
    gradients = []
    for recompute_stages in (0, 1, 2):
        torch.manual_seed(0)
        model = VideoSwin(MICRO, drop_path_rate=0.5, recompute_stages=recompute_stages)
        torch.manual_seed(1)
        model(clips(3, 3, 4, 24, 24)).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(*gradients, strict=True))


def test_every_parameter_is_trained():
    model = VideoSwin(MICRO)
    model(clips(2, 3, 7, 30, 30)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_head_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = VideoSwin(MICRO, head_dropout=0.9)
    batch = clips(1, 3, 4, 24, 24)
    assert not torch.equal(model(batch), model(batch))
    assert torch.equal(model.eval()(batch), model(batch))


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("design", ["joint", "split", "factorized"])
def test_compiled_model_equals_eager(design, train):
    """One graph, forward and, in training, backward. Static shapes: a compile for each size (docs/log.md)."""
    torch.manual_seed(0)
    model = VideoSwin(replace(MICRO, design=design)).train(train)
    compiled = torch.compile(model, fullgraph=True, dynamic=False)
    batch = clips(1, 3, 4, 24, 24)
    with torch.set_grad_enabled(train):
        eager, ours = model(batch), compiled(batch)
    torch.testing.assert_close(ours, eager, rtol=1e-4, atol=1e-5)
    if train:
        wanted, got = (
            torch.autograd.grad(out.square().sum(), list(model.parameters())) for out in (eager, ours)
        )
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-5)


def test_bfloat16_autocast_stays_near_float32(micro):
    batch = clips(2, 3, 8, 48, 48)
    exact = micro(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = micro(batch)
        logits.float().square().sum().backward()
    assert (logits.float() - exact).norm() / exact.norm() < 2e-2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_cast_model_runs_through_shifted_blocks(micro, dtype):
    """The official model fails here: its mask is always float32."""
    exact = micro(clips(1, 3, 8, 48, 48))
    logits = micro.to(dtype)(clips(1, 3, 8, 48, 48))
    assert logits.dtype == dtype
    assert (logits.float() - exact).norm() / exact.norm() < 5e-2


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(3, 4, 24, 24), r"clips have shape \(3, 4, 24, 24\); expected \(B, 3, T, H, W\)"),
        (torch.zeros(1, 4, 4, 24, 24), r"expected \(B, 3, T, H, W\)"),
        (
            torch.zeros(1, 3, 4, 24, 24, dtype=torch.int64),
            r"clips are torch\.int64; expected float .* or uint8",
        ),
    ],
)
def test_wrong_clips_are_named(micro, batch, message):
    with pytest.raises(ValueError, match=message):
        micro(batch)


@pytest.mark.parametrize("argument", ["drop_path_rate", "head_dropout"])
@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_outside_their_range_are_named(argument, rate):
    with pytest.raises(ConfigError, match=f"{argument} is .*; allowed: at least 0 and below 1"):
        VideoSwin(MICRO, **{argument: rate})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embed_dim": 0}, "embed_dim is 0, allowed: whole numbers of at least 1"),
        ({"depths": (2,)}, r"depths \(2,\) and num_heads \(1, 2\) differ in length"),
        ({"depths": ()}, r"depths is \(\), allowed"),
        ({"num_heads": (1, 3)}, "stage 1 has 16 channels for 3 heads, allowed: a multiple"),
        ({"window": (8, 7)}, r"window is \(8, 7\), allowed: three numbers"),
        ({"patch": (2, 4, 0)}, r"patch is \(2, 4, 0\), allowed"),
        ({"mlp_ratio": 0}, "mlp_ratio is 0, allowed: above 0"),
        ({"num_classes": 2.5}, "num_classes is 2.5, allowed"),
        ({"design": "seperate"}, "design is 'seperate', allowed: joint, split, factorized"),
        ({"shift": "temporal"}, "shift is 'temporal', allowed: 3d, spatial, none"),
    ],
)
def test_wrong_configurations_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(MICRO, **change)


def test_all_problems_of_a_configuration_are_named_at_once():
    with pytest.raises(ConfigError, match=r"embed_dim is 0.*; patch is \(0, 4, 4\)"):
        SwinConfig(embed_dim=0, patch=(0, 4, 4))
