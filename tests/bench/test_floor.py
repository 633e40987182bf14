"""The least time of a model: all that it computes is in it, and it agrees with arithmetic done by hand."""

from __future__ import annotations

import pytest

from videoswin.bench.device import CPU
from videoswin.bench.floor import copy_rate, floor_seconds, operations
from videoswin.bench.roofline import needed_multiply_adds
from videoswin.model import VARIANTS, SwinConfig
from videoswin.model.cost import cost
from videoswin.values import Size3

CLIP = Size3(32, 224, 224)
INFINITE = float("inf")
SPLIT = SwinConfig(
    embed_dim=32,
    depths=(2, 2),
    num_heads=(1, 2),
    window=(2, 7, 7),
    num_classes=3,
    design="split",
    shift="none",
)


@pytest.mark.parametrize("config", [VARIANTS["swin_t"], VARIANTS["swin_b"], SPLIT])
def test_everything_that_is_computed_is_there(config):
    found = list(operations(config, CLIP))
    assert sum(each.multiply_adds for each in found) == needed_multiply_adds(config, CLIP)
    matrices = sum(each.weights for each in found)
    parameters = sum(part.parameters for part in cost(config, CLIP))
    assert 0.9 * parameters < matrices < parameters  # the rest: biases, norms, bias tables


@pytest.mark.parametrize(("variant", "milliseconds"), [("swin_t", 0.319), ("swin_b", 0.840)])
def test_a_large_batch_at_the_speed_of_an_h200(variant, milliseconds):
    """Computed elsewhere, with exponentials as part of attention: a tenth more."""
    seconds = floor_seconds(VARIANTS[variant], CLIP, batch_size=32, itemsize=2, peak=790e12, bandwidth=4.3e12)
    assert 0.88 * milliseconds < 1e3 * seconds / 32 < milliseconds


def test_each_limit_alone():
    config = VARIANTS["swin_t"]
    sizes = {"batch_size": 1, "itemsize": 4}
    computing = floor_seconds(config, CLIP, **sizes, peak=1e12, bandwidth=INFINITE)
    assert computing == pytest.approx(2 * needed_multiply_adds(config, CLIP) / 1e12)
    moving = floor_seconds(config, CLIP, **sizes, peak=INFINITE, bandwidth=1e9)
    twice = floor_seconds(config, CLIP, batch_size=2, itemsize=4, peak=INFINITE, bandwidth=1e9)
    assert moving < twice < 2 * moving  # weights are read once
    assert floor_seconds(config, CLIP, **sizes, peak=1e12, bandwidth=1e9) >= max(computing, moving)


def test_memory_is_measured():
    assert 1e8 < copy_rate(CPU) < 1e13
