"""The least time that inference can take, operation by operation: each at the speed of a matrix product or at
that of memory, whichever takes longer, when nothing is written that a fused operation need not write.

Per block (L tokens, C channels, in passes of L*C numbers): norm and qkv read 1 and write 3, attention reads 3
and writes 1, projection and residual read 2 and write 1, norm, first layer and GELU read 1 and write the
hidden layer, second layer and residual read that and 1 and write 1. Exponentials and launches cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

from videoswin.bench.device import seconds_of
from videoswin.bench.roofline import TRIES, needed_scores
from videoswin.model import SwinConfig
from videoswin.model.cost import cost
from videoswin.model.designs import Attention, block_attention, gated_attention, top_attentions
from videoswin.values import Size3

COPIED = {"cpu": 2**28, "cuda": 2**30}
"""Bytes: far beyond the caches."""


class Operation(NamedTuple):
    """multiply_adds and numbers, read and written, of one clip; weights are read once for all clips."""

    multiply_adds: int
    numbers: int
    weights: int


def copy_rate(device: torch.device) -> float:
    """Bytes a second, read and written, of a copy of COPIED bytes now, the best of three."""
    source = torch.ones(COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)  # its pages are there before the clock runs
    best = min(seconds_of(lambda: target.copy_(source), device) for _ in range(TRIES))
    return 2 * len(source) / best


def floor_seconds(
    config: SwinConfig, clip: Size3, *, batch_size: int, itemsize: int, peak: float, bandwidth: float
) -> float:
    """Of `batch_size` clips. itemsize: bytes of a number. peak: operations a second, a multiply-add is two.
    bandwidth: bytes a second."""
    return sum(
        max(
            2 * batch_size * each.multiply_adds / peak,
            itemsize * (batch_size * each.numbers + each.weights) / bandwidth,
        )
        for each in operations(config, clip)
    )


def operations(config: SwinConfig, clip: Size3) -> Iterator[Operation]:
    """All of a model, in order."""
    embedding, *parts = cost(config, clip)
    inputs = config.in_channels * Size3(*config.patch).volume
    tokens = embedding.grid.volume
    yield Operation(
        embedding.embedding, tokens * (inputs + config.embed_dim), weights=inputs * config.embed_dim
    )
    for stage in range(config.num_stages):
        width, grid = config.width(stage), parts[stage].grid
        for block in range(config.depths[stage]):
            for attention in (block_attention(config, block), gated_attention(config, block)):
                if attention is not None:
                    yield from _attention(attention, grid, width)
            yield from _mlp(grid, width, int(width * config.mlp_ratio))
        merging = parts[stage].merging
        merged = merging // (8 * width**2)
        yield Operation(merging, merged * 6 * width, weights=8 * width**2 if merged else 0)
    width, grid = config.width(config.num_stages - 1), parts[config.num_stages - 1].grid
    for attention in top_attentions(config):
        yield from _attention(attention, grid, width)
        yield from _mlp(grid, width, int(width * config.mlp_ratio))
    yield Operation(parts[-1].head, grid.volume * width, weights=parts[-1].head)


def _attention(attention: Attention, grid: Size3, width: int) -> Iterator[Operation]:
    tokens = grid.volume
    yield Operation(3 * tokens * width**2, 4 * tokens * width, weights=3 * width**2)
    yield Operation(needed_scores(attention, grid, width), 4 * tokens * width, weights=0)
    yield Operation(tokens * width**2, 3 * tokens * width, weights=width**2)


def _mlp(grid: Size3, width: int, hidden: int) -> Iterator[Operation]:
    tokens = grid.volume
    yield Operation(tokens * width * hidden, tokens * (width + hidden), weights=width * hidden)
    yield Operation(tokens * width * hidden, tokens * (hidden + 2 * width), weights=width * hidden)
