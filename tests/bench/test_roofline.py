"""Needed multiply-adds against a count of the pairs that the mask leaves, and the matrix product."""

from __future__ import annotations

import pytest
import torch

from videoswin.bench.device import CPU
from videoswin.bench.roofline import matmul_peak, needed_multiply_adds
from videoswin.model import VARIANTS, SwinConfig
from videoswin.model.cost import cost
from videoswin.model.designs import block_attention
from videoswin.ops.windows import clamp_window, padded_grid
from videoswin.values import Size3

MICRO = SwinConfig(embed_dim=32, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)


def pairs_on(axis: int, size: int, window: int, shift: int) -> int:
    """Pairs of places on one axis that are in one window after the cyclic shift and in one region before."""
    places = torch.arange(size)
    rolled = (places - shift) % size
    region = (places < shift).long()
    same = (rolled[:, None] // window == rolled // window) & (region[:, None] == region)
    return int(same.sum())


@pytest.mark.parametrize("clip", [Size3(8, 48, 48), Size3(5, 50, 70)])
def test_scores_that_the_mask_leaves(clip):
    parts = cost(MICRO, clip)
    expected = sum(part.multiply_adds - part.scores for part in parts)
    for stage in range(2):
        grid = parts[1 + stage].grid
        for block in range(2):
            attention = block_attention(MICRO, block)
            window, shift = clamp_window(grid, attention.window, attention.shift)
            padded = padded_grid(grid, window)
            pairs = 1
            for axis, sizes in enumerate(zip(padded, window, shift, strict=True)):
                pairs *= pairs_on(axis, *sizes)
            expected += 2 * pairs * MICRO.width(stage)
    assert needed_multiply_adds(MICRO, clip) == expected


def test_swin_t_at_its_published_size():
    """87.88 G as the paper counts, 3.8 G of which are masked."""
    clip, config = Size3(32, 224, 224), VARIANTS["swin_t"]
    paper = sum(part.multiply_adds for part in cost(config, clip))
    assert 0.955 < needed_multiply_adds(config, clip) / paper < 0.958


@pytest.mark.parametrize("design", ["split", "factorized"])
def test_other_designs_are_counted_too(design):
    config = SwinConfig(
        embed_dim=32,
        depths=(2, 2),
        num_heads=(1, 2),
        window=(2, 3, 3),
        num_classes=3,
        design=design,
        shift="none",
    )
    clip = Size3(8, 48, 48)
    whole = sum(part.multiply_adds for part in cost(config, clip))
    assert needed_multiply_adds(config, clip) <= whole
    assert needed_multiply_adds(config, clip) > whole / 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_the_matrix_product_is_measured(dtype):
    assert matmul_peak(dtype, CPU) > 1e8
