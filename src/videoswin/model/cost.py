"""Parameters and multiply-adds of a configuration, by stage and part, from arithmetic alone: no model is
built.

Counted as the paper counts (its "FLOPs" are multiply-adds of matrix products and convolutions): padded tokens
of a window count, since the official code projects them too. Shifted windows count as whole ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from videoswin.model.config import SwinConfig
from videoswin.model.designs import Attention, block_attention, gated_attention, top_attentions
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
    """One entry for the patch embedding, each stage (with the merging after it), the temporal layers of
    `split` and the head.

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
    top = top_attentions(config)
    if top:
        last = config.num_stages - 1
        layers = [_layer(config, last, attention, grid) for attention in top]
        parts.append(_sum("temporal layers", grid, layers))
    return [*parts, _head(config, grid)]


def _embedding(config: SwinConfig, grid: Size3) -> Cost:
    inputs, width = config.in_channels * Size3(*config.patch).volume, config.embed_dim
    parameters = inputs * width + width + (2 * width if config.patch_norm else 0)
    return Cost(
        name="patch embedding", grid=grid, parameters=parameters, embedding=grid.volume * inputs * width
    )


def _blocks(config: SwinConfig, stage: int, grid: Size3) -> Cost:
    counts = []
    for block in range(config.depths[stage]):
        counts.append(_layer(config, stage, block_attention(config, block), grid))
        gated = gated_attention(config, block)
        if gated is not None:
            attention = _attention(config, stage, gated, grid)
            counts.append(replace(attention, parameters=attention.parameters + 1))  # and its gate
    return _sum(f"stage {stage + 1}", grid, counts)


def _layer(config: SwinConfig, stage: int, attention: Attention, grid: Size3) -> Cost:
    """One attention and the MLP after it."""
    return _sum("layer", grid, [_attention(config, stage, attention, grid), _mlp(config, stage, grid)])


def _attention(config: SwinConfig, stage: int, attention: Attention, grid: Size3) -> Cost:
    """An attention and the LayerNorm before it."""
    width, heads = config.width(stage), config.num_heads[stage]
    clamped, _ = clamp_window(grid, attention.window, attention.shift)
    padded = padded_grid(grid, clamped).volume
    bias_table = math.prod(2 * size - 1 for size in attention.window) * heads if attention.has_bias else 0
    return Cost(
        name="attention",
        grid=grid,
        parameters=4 * width * width + 4 * width + bias_table + 2 * width,
        linear=padded * 4 * width * width,
        scores=padded * 2 * clamped.volume * width,
    )


def _mlp(config: SwinConfig, stage: int, grid: Size3) -> Cost:
    """An MLP and the LayerNorm before it."""
    width = config.width(stage)
    hidden = int(width * config.mlp_ratio)
    parameters = 2 * width * hidden + hidden + width + 2 * width
    return Cost(name="MLP", grid=grid, parameters=parameters, mlp=grid.volume * 2 * width * hidden)


def _sum(name: str, grid: Size3, counts: list[Cost]) -> Cost:
    return Cost(
        name=name,
        grid=grid,
        parameters=sum(count.parameters for count in counts),
        linear=sum(count.linear for count in counts),
        scores=sum(count.scores for count in counts),
        mlp=sum(count.mlp for count in counts),
    )


def _with_merging(part: Cost, width: int, merged: Size3) -> Cost:
    parameters = 8 * width + 4 * width * 2 * width
    merging = merged.volume * 4 * width * 2 * width
    return replace(part, parameters=part.parameters + parameters, merging=merging)


def _head(config: SwinConfig, grid: Size3) -> Cost:
    width = config.width(config.num_stages - 1)
    parameters = 2 * width + width * config.num_classes + config.num_classes
    return Cost(name="head", grid=grid, parameters=parameters, head=width * config.num_classes)
