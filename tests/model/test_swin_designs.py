"""What the split and factorized designs compute (Sec. 4.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from videoswin.model import SwinConfig, VideoSwin

# Windows of 2 steps in time on clips of more: they shift, and time is padded where the steps are odd.
MICRO = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)
SPATIAL_ONLY = replace(MICRO, window=(1, 3, 3))
SPLIT = replace(MICRO, design="split")
FACTORIZED = replace(MICRO, design="factorized")
DESIGNS = [
    MICRO,
    SPLIT,
    FACTORIZED,
    replace(SPLIT, temporal_bias=True),
    replace(FACTORIZED, temporal_bias=True),
]


def names(config: SwinConfig) -> str:
    return config.design + "_bias" * config.temporal_bias


def clips(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def strong(config: SwinConfig, **arguments) -> VideoSwin:
    """A model in which every part is felt: gates open, parameters far from their small initial values."""
    torch.manual_seed(0)
    model = VideoSwin(config, **arguments)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def test_new_factorized_model_computes_what_the_spatial_only_one_does():
    torch.manual_seed(0)
    model = VideoSwin(FACTORIZED)
    spatial = VideoSwin(SPATIAL_ONLY)
    spatial.load_state_dict({name: model.state_dict()[name] for name in spatial.state_dict()})
    batch = clips(2, 3, 7, 30, 44)
    assert torch.equal(model(batch), spatial(batch))
    model.layers[0].blocks[1].temporal.gate.data.fill_(0.5)
    assert not torch.allclose(model(batch), spatial(batch))


def test_split_model_is_spatial_only_below_its_temporal_layers():
    torch.manual_seed(0)
    model, spatial = VideoSwin(SPLIT), VideoSwin(SPATIAL_ONLY)
    spatial.load_state_dict({name: model.state_dict()[name] for name in spatial.state_dict()})
    batch = clips(2, 3, 7, 30, 44)
    ours, theirs = model.features(batch), spatial.features(batch)
    assert torch.equal(ours[0], theirs[0])
    assert not torch.allclose(ours[1], theirs[1])
    model.temporal = None
    assert torch.equal(model.features(batch)[1], theirs[1])


@pytest.mark.parametrize("config", DESIGNS, ids=names)
@pytest.mark.parametrize(
    ("shift", "shape"),
    [("3d", (7, 30, 44)), ("spatial", (7, 20, 27)), ("none", (6, 20, 27)), ("3d", (2, 9, 36))],
)
def test_backends_agree(config, shift, shape):
    config = replace(config, shift=shift)
    batch = torch.randn(2, 3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    results = []
    for backend in ("reference", "boxes", "sdpa", "sdpa-boxes"):
        model = strong(config, attention_backend=backend).double()
        logits = model(batch)
        gradients = torch.autograd.grad(logits.square().sum(), list(model.parameters()))
        results.append((logits, *gradients))
    for expected, *fast in zip(*results, strict=True):
        for ours in fast:
            torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def without_gradient(model: VideoSwin) -> list[str]:
    model(clips(2, 3, 7, 30, 30)).square().sum().backward()
    return [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize("config", DESIGNS, ids=names)
def test_every_parameter_is_trained_once_gates_are_open(config):
    assert without_gradient(strong(config)) == []


def test_closed_gates_learn_first():
    model = VideoSwin(FACTORIZED)
    behind = [
        name for name, _ in model.named_parameters() if ".temporal." in name and not name.endswith(".gate")
    ]
    assert len(behind) == 4 * 6  # in each block a LayerNorm, qkv and proj, weight and bias
    assert without_gradient(model) == behind


def test_drop_path_grows_over_blocks_and_temporal_layers():
    model = VideoSwin(SPLIT, drop_path_rate=0.5)
    rates = [block.drop_path.rate for stage in model.layers for block in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [block.drop_path.rate for block in model.temporal.blocks] == pytest.approx([0.4, 0.5])


def test_drop_path_drops_the_temporal_branch_too():
    block = strong(FACTORIZED, drop_path_rate=0.5).layers[1].blocks[1]
    block.drop_path.rate = 1 - 1e-12
    x = torch.randn(2, 4, 6, 6, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x)
    assert not torch.allclose(block.eval()(x), x)


@pytest.mark.parametrize("config", [SPLIT, FACTORIZED], ids=names)
def test_recomputed_blocks_give_the_same_gradients(config):
    gradients = []
    for recompute_stages in (0, 1, 9):
        model = strong(config, drop_path_rate=0.5, recompute_stages=recompute_stages)
        torch.manual_seed(1)
        model(clips(3, 3, 8, 24, 24)).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(*gradients, strict=True))


@pytest.mark.parametrize("config", DESIGNS, ids=names)
def test_features_are_one_tensor_a_stage_and_the_last_feeds_the_head(config):
    model = strong(config).eval()
    batch = clips(2, 3, 8, 32, 48)
    features = model.features(batch)
    assert [tuple(stage.shape) for stage in features] == [(2, 4, 8, 12, 8), (2, 4, 4, 6, 16)]
    torch.testing.assert_close(model.head(features[-1].mean((1, 2, 3))), model(batch))


def changes_with_the_order_of_frames(config: SwinConfig, *, frames: int, order: list[int]) -> bool:
    model = strong(config).double().eval()
    batch = torch.randn(1, 3, frames, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits, permuted = model(batch), model(batch[:, :, order])
    difference = float((logits - permuted).norm() / logits.norm())
    assert difference < 1e-12 or difference > 1e-6, difference  # rounding, or not
    return difference > 1e-6


@pytest.mark.parametrize(
    ("change", "is_seen"),
    [
        ({"window": (1, 3, 3)}, False),  # spatial only
        ({"design": "split", "window": (6, 3, 3)}, False),
        ({"design": "factorized", "window": (6, 3, 3)}, False),
        ({"design": "factorized", "window": (16, 3, 3)}, False),  # clamped to the clip
        ({"design": "split", "window": (6, 3, 3), "temporal_bias": True}, True),
        ({"design": "factorized", "window": (6, 3, 3), "temporal_bias": True}, True),
        ({"window": (6, 3, 3)}, True),  # joint
        # Windows of 2 steps: which frames share one depends on the order.
        ({"design": "split", "window": (2, 3, 3)}, True),
        ({"design": "factorized", "window": (2, 3, 3)}, True),
    ],
)
@pytest.mark.parametrize("order", [[5, 4, 3, 2, 1, 0], [3, 0, 4, 5, 1, 2]])
def test_order_of_frames_is_seen_through_a_bias_or_windows_only(change, is_seen, order):
    """With patches of one frame, a temporal window over the clip and no bias, time has no direction. (A clip
    played backwards keeps which frames share a window of 2 steps, so that does not show there.)"""
    config = replace(MICRO, patch=(1, 4, 4), **change)
    mirrored = order == [5, 4, 3, 2, 1, 0] and config.window[0] == 2
    assert changes_with_the_order_of_frames(config, frames=6, order=order) == (is_seen and not mirrored)


def test_patches_of_two_frames_see_the_order_inside_them():
    config = replace(FACTORIZED, window=(6, 3, 3))
    assert changes_with_the_order_of_frames(config, frames=6, order=[1, 0, 3, 2, 5, 4])
