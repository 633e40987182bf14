"""Blocks of a Swin in box order, some boxes at a time.

One gather brings the tokens of some boxes together; norm, projections, attention and MLP then work on few
enough of them for the caches of a core, and nothing as large as the whole grid is written but the result.

N places in box order (padding too), S tokens of a box, C channels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.profiler import record_function

from videoswin.model.blocks import Mlp, SwinBlock, WindowAttention
from videoswin.model.frozen.linear import FrozenPrecision, frozen_linear, token_dtype
from videoswin.ops.box_order import PADDING, BoxGroup, BoxOrder, box_order
from videoswin.values import Size3

ELEMENTS_AT_ONCE = 2**21
"""Numbers of the widest layer that are worked on at a time (measured, docs/log.md)."""


class FrozenNorm:
    """A LayerNorm over the last axis; its weights stay float32."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        self._weight, self._bias, self._eps = norm.weight.detach(), norm.bias.detach(), norm.eps

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self._weight.shape, self._weight, self._bias, self._eps)


class Chunk(NamedTuple):
    """Some neighbouring boxes. places: in box order. padding: (P,) those of `places` that are padding,
    counted from its start. attended: number of boxes, tokens of each and their bias, in order."""

    places: slice
    padding: Tensor
    attended: tuple[tuple[int, int, Tensor | None], ...]


class Route(NamedTuple):
    """The way of tokens through one layer of boxes. order: its boxes. source: (N,) where the token of every
    place lies in what the layer gets. places: (B*t*h*w,) where every token lies in what it gives."""

    order: BoxOrder
    source: Tensor
    places: Tensor
    chunks: tuple[Chunk, ...]


class FrozenLayer:
    """x + attention(norm(x)), then, unless another attention comes between, x + mlp(norm(x))."""

    def __init__(
        self,
        norm: nn.LayerNorm,
        attention: WindowAttention,
        precision: FrozenPrecision,
        *,
        gate: Tensor | None = None,
        mlp_norm: nn.LayerNorm | None = None,
        mlp: Mlp | None = None,
    ) -> None:
        width = attention.proj.in_features
        hidden = 3 * width if mlp is None else max(3 * width, mlp.fc1.out_features)
        self._rows = max(1, ELEMENTS_AT_ONCE // hidden)
        self._heads, self._window, self._shift = attention.num_heads, attention.window, attention.shift
        self._legacy_bias_index = attention.legacy_bias_index
        self._dtype = token_dtype(precision)
        table = attention.relative_position_bias_table
        self._table = None if table is None else table.detach()
        self._biases: dict[tuple[Size3, Size3, Size3 | None], Tensor] = {}
        self._norm = FrozenNorm(norm)
        self._qkv = frozen_linear(attention.qkv, precision, rows=self._rows)
        self._proj = frozen_linear(attention.proj, precision, rows=self._rows, gate=gate)
        self._mlp = None
        if mlp is not None and mlp_norm is not None:
            fc1 = frozen_linear(mlp.fc1, precision, rows=self._rows, gelu=True)
            self._mlp = (FrozenNorm(mlp_norm), fc1, frozen_linear(mlp.fc2, precision, rows=self._rows))

    def route(self, batch_size: int, grid: Size3, before: Tensor | None) -> Route:
        """before: (B*t*h*w,) where every token lies when it comes; None is the natural order."""
        order = box_order(
            batch_size,
            grid,
            window=self._window,
            shift=self._shift,
            legacy_bias_index=self._legacy_bias_index,
        )
        rows = order.rows.clamp(min=0)  # any token may stand in for padding: `_tokens` overwrites it
        source = rows if before is None else before[rows]
        return Route(order, source, order.places(batch_size * grid.volume), self._chunks(order))

    def __call__(self, x: Tensor, route: Route) -> Tensor:
        """(tokens, C) as they come -> (N, C) in box order. `part: ...` is what a profile calls its parts."""
        out = x.new_empty(len(route.source), x.shape[1])
        for chunk in route.chunks:
            tokens = x.index_select(0, route.source[chunk.places])
            with record_function("part: attention"):
                attended = self._attention(self._norm(tokens), chunk)
            with record_function("part: projection"):
                tokens = self._proj.plus(attended, tokens)
            if self._mlp is not None:
                with record_function("part: MLP"):
                    norm, fc1, fc2 = self._mlp
                    tokens = fc2.plus(fc1(norm(tokens)), tokens)
            out[chunk.places] = tokens
        return out

    def _attention(self, normed: Tensor, chunk: Chunk) -> Tensor:
        """(rows, C) of some boxes -> the same, before the projection."""
        if len(chunk.padding):
            normed.index_fill_(0, chunk.padding, 0)  # official: padded after the norm
        qkv = self._qkv(normed)
        parts, start = [], 0
        for num_boxes, size, bias in chunk.attended:
            some = qkv[start : start + num_boxes * size].view(num_boxes, size, 3, self._heads, -1)
            q, k, v = some.permute(2, 0, 3, 1, 4).unbind(0)  # (boxes, heads, S, d)
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
            parts.append(attended.transpose(1, 2).reshape(num_boxes * size, -1))
            start += num_boxes * size
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _chunks(self, order: BoxOrder) -> tuple[Chunk, ...]:
        chunks: list[Chunk] = []
        attended: list[tuple[int, int, Tensor | None]] = []
        start, size = 0, 0
        # Equal parts: a small last one would read all weights for few tokens.
        at_once = math.ceil(len(order.rows) / max(1, round(len(order.rows) / self._rows)))
        for group in order.groups:
            left = group.num_boxes
            while left:
                room = (at_once - size) // group.box.volume
                taken = min(left, max(room, 0 if size else 1))  # one box at least
                if taken:
                    attended.append((taken, group.box.volume, self._bias(group)))
                    size, left = size + taken * group.box.volume, left - taken
                if left:
                    chunks.append(_chunk(order, start, size, attended))
                    start, size, attended = start + size, 0, []
        return (*chunks, _chunk(order, start, size, attended))

    def _bias(self, group: BoxGroup) -> Tensor | None:
        """(1, heads, S, S). Kept: boxes of a shape come again in other grids."""
        if self._table is None:
            return None
        key = (group.box, group.offset, group.within)
        if key not in self._biases:
            self._biases[key] = group.bias(self._table)[None].to(self._dtype)
        return self._biases[key]


def frozen_layers(block: SwinBlock, precision: FrozenPrecision) -> list[FrozenLayer]:
    """A block in eval mode; in the factorized design it has two attentions."""
    if block.temporal is None:
        return [FrozenLayer(block.norm1, block.attn, precision, mlp_norm=block.norm2, mlp=block.mlp)]
    temporal = block.temporal
    return [
        FrozenLayer(block.norm1, block.attn, precision),
        FrozenLayer(
            temporal.norm,
            temporal.attn,
            precision,
            gate=temporal.gate.detach(),
            mlp_norm=block.norm2,
            mlp=block.mlp,
        ),
    ]


def _chunk(order: BoxOrder, start: int, size: int, attended: list[tuple[int, int, Tensor | None]]) -> Chunk:
    places = slice(start, start + size)
    return Chunk(places, (order.rows[places] == PADDING).nonzero().flatten(), tuple(attended))
