"""How far a model is from what the machine can do: multiply-adds at the speed of a large matrix product."""

from __future__ import annotations

import torch

from videoswin.bench.device import seconds_of
from videoswin.model import SwinConfig
from videoswin.model.cost import cost
from videoswin.model.designs import Attention, block_attention, gated_attention, top_attentions
from videoswin.ops.windows import axis_segments, clamp_window, padded_grid
from videoswin.values import Size3

SIDE = {"cpu": 2048, "cuda": 8192}
"""Rows and columns of the matrices: far beyond the caches, and enough work for all of the device."""
TRIES = 3


def matmul_peak(dtype: torch.dtype, device: torch.device) -> float:
    """Floating point (int8: integer) operations a second of a product of SIDE x SIDE matrices now, the best
    of three; a multiply-add is two. Random numbers: zeros would be faster."""
    side = SIDE[device.type]
    generator = torch.Generator(device).manual_seed(0)
    if dtype == torch.int8:
        a, b = (
            torch.randint(-128, 128, (side, side), dtype=dtype, generator=generator, device=device)
            for _ in range(2)
        )
        multiply = torch._int_mm
    else:
        a, b = (torch.randn(side, side, generator=generator, device=device).to(dtype) for _ in range(2))
        multiply = torch.mm
    best = min(seconds_of(lambda: multiply(a, b), device) for _ in range(TRIES))
    return float(2 * side**3 / best)


def needed_multiply_adds(config: SwinConfig, clip: Size3) -> int:
    """Multiply-adds of one clip as `model.cost` counts them, without the scores of shifted windows that the
    mask throws away: what must be computed, whoever computes it."""
    parts = cost(config, clip)
    counted = sum(part.multiply_adds - part.scores for part in parts)
    stages = [part.grid for part in parts if part.name.startswith("stage")]
    for stage, grid in enumerate(stages):
        for block in range(config.depths[stage]):
            attentions = [block_attention(config, block), gated_attention(config, block)]
            counted += sum(needed_scores(each, grid, config.width(stage)) for each in attentions if each)
    last = config.num_stages - 1
    return counted + sum(
        needed_scores(each, stages[last], config.width(last)) for each in top_attentions(config)
    )


def needed_scores(attention: Attention, grid: Size3, width: int) -> int:
    """Multiply-adds of one attention over one clip: two products for every pair of tokens that see each
    other; pairs of an axis multiply."""
    clamped, shift = clamp_window(grid, attention.window, attention.shift)
    padded = padded_grid(grid, clamped)
    pairs = 1
    for sizes in zip(padded, clamped, shift, strict=True):
        pairs *= sum(segment.repeats * segment.length**2 for segment in axis_segments(*sizes))
    return 2 * pairs * width
