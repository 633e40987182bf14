"""Parameters and multiply-adds of a configuration, by stage and part, from arithmetic alone: no model is
built.

Counted as the paper counts (its "FLOPs" are multiply-adds of matrix products and convolutions): padded tokens
of a window count, since the official code projects them too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from videoswin.model.config import SwinConfig
from videoswin.ops.windows import clamp_window, padded_grid
from videoswin.values import Size3


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Counts of one part of the model. `parameters` in numbers, the rest in multiply-adds for one clip."""

    name: str
    grid: Size3
    parameters: int = 0
    embedding: int = 0
    """Patch embedding."""
    linear: int = 0
    """Attention's qkv and output projections."""
    scores: int = 0
    """Attention's two products of queries, keys and values."""
    mlp: int = 0
    merging: int = 0
    head: int = 0

    @property
    def multiply_adds(self) -> int:
        return self.embedding + self.linear + self.scores + self.mlp + self.merging + self.head


def cost(config: SwinConfig, clip: Size3) -> list[Cost]:
    """One entry for the patch embedding, each stage (with the merging after it) and the head.

    clip: frames, height and width of the input in pixels.
    """
    grid = Size3(*(-(-size // patch) for size, patch in zip(clip, config.patch, strict=True)))
    parts = [_embedding(config, grid)]
    for stage in range(config.num_stages):
        part = _blocks(config, stage, grid)
        if stage + 1 < config.num_stages:
            merged = Size3(grid.t, -(-grid.h // 2), -(-grid.w // 2))
            part = _with_merging(part, config.width(stage), merged)
            grid = merged
        parts.append(part)
    return [*parts, _head(config, grid)]


def _embedding(config: SwinConfig, grid: Size3) -> Cost:
    inputs, width = config.in_channels * Size3(*config.patch).volume, config.embed_dim
    parameters = inputs * width + width + (2 * width if config.patch_norm else 0)
    return Cost(
        name="patch embedding", grid=grid, parameters=parameters, embedding=grid.volume * inputs * width
    )


def _blocks(config: SwinConfig, stage: int, grid: Size3) -> Cost:
    width, heads, depth = config.width(stage), config.num_heads[stage], config.depths[stage]
    window = Size3(*config.window)
    hidden = int(width * config.mlp_ratio)
    clamped, _ = clamp_window(grid, window, Size3(0, 0, 0))
    padded = padded_grid(grid, clamped).volume
    bias_table = math.prod(2 * size - 1 for size in window) * heads
    attention = 4 * width * width + 4 * width + bias_table
    mlp = 2 * width * hidden + hidden + width
    return Cost(
        name=f"stage {stage + 1}",
        grid=grid,
        parameters=depth * (attention + mlp + 4 * width),
        linear=depth * padded * 4 * width * width,
        scores=depth * padded * 2 * clamped.volume * width,
        mlp=depth * grid.volume * 2 * width * hidden,
    )


def _with_merging(part: Cost, width: int, merged: Size3) -> Cost:
    parameters = 8 * width + 4 * width * 2 * width
    merging = merged.volume * 4 * width * 2 * width
    return replace(part, parameters=part.parameters + parameters, merging=merging)


def _head(config: SwinConfig, grid: Size3) -> Cost:
    width = config.width(config.num_stages - 1)
    parameters = 2 * width + width * config.num_classes + config.num_classes
    return Cost(name="head", grid=grid, parameters=parameters, head=width * config.num_classes)
