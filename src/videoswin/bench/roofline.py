"""How far a model is from what the machine can do: multiply-adds at the speed of a large matrix product."""

from __future__ import annotations

import time

import torch

from videoswin.model import SwinConfig
from videoswin.model.cost import cost
from videoswin.model.designs import Attention, block_attention, gated_attention, top_attentions
from videoswin.ops.windows import axis_segments, clamp_window, padded_grid
from videoswin.values import Size3

SIDE = 2048
"""Rows and columns of the matrices: far beyond the caches, as long as a block's largest product."""
TRIES = 3


def matmul_peak(dtype: torch.dtype) -> float:
    """Floating point (int8: integer) operations a second of a 2048 x 2048 product now, the best of three;
    a multiply-add is two. Random numbers: zeros would be faster."""
    generator = torch.Generator().manual_seed(0)
    if dtype == torch.int8:
        a, b = (torch.randint(-128, 128, (SIDE, SIDE), dtype=dtype, generator=generator) for _ in range(2))
        multiply = torch._int_mm
    else:
        a, b = (torch.randn(SIDE, SIDE, generator=generator).to(dtype) for _ in range(2))
        multiply = torch.mm
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        multiply(a, b)
        seconds.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(seconds)


def needed_multiply_adds(config: SwinConfig, clip: Size3) -> int:
    """Multiply-adds of one clip as `model.cost` counts them, without the scores of shifted windows that the
    mask throws away: what must be computed, whoever computes it."""
    parts = cost(config, clip)
    counted = sum(part.multiply_adds - part.scores for part in parts)
    stages = [part.grid for part in parts if part.name.startswith("stage")]
    for stage, grid in enumerate(stages):
        for block in range(config.depths[stage]):
            attentions = [block_attention(config, block), gated_attention(config, block)]
            counted += sum(_scores(each, grid, config.width(stage)) for each in attentions if each)
    last = config.num_stages - 1
    return counted + sum(_scores(each, stages[last], config.width(last)) for each in top_attentions(config))


def _scores(attention: Attention, grid: Size3, width: int) -> int:
    """Two products for every pair of tokens that see each other: pairs of an axis multiply."""
    clamped, shift = clamp_window(grid, attention.window, attention.shift)
    padded = padded_grid(grid, clamped)
    pairs = 1
    for sizes in zip(padded, clamped, shift, strict=True):
        pairs *= sum(segment.repeats * segment.length**2 for segment in axis_segments(*sizes))
    return 2 * pairs * width
