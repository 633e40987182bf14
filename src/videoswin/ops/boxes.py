"""Backend `boxes`: shifted-window attention without roll, mask or partition of the whole grid.

A shifted block is plain attention inside the boxes into which `windows.axis_segments` cuts the padded grid.
Boxes of one shape need one block of the bias table and go through scaled_dot_product_attention together;
nothing masked is computed. Equal to `reference` up to e^-100 (the official mask is -100, not -inf).

No score is kept: the forward is fused, the backward recomputes them (`attention_backward`). That
needs no private operator, is deterministic, and runs on every device.

B batch, t h w token grid, S tokens of a box, d width of a head.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from videoswin.ops.attention_backward import attention_backward
from videoswin.ops.windows import (
    Segment,
    axis_segments,
    bias_of,
    clamp_window,
    padded_grid,
    relative_position_index,
)
from videoswin.values import Size3

TOKENS_AT_ONCE = 4096
"""Tokens of boxes that are copied out of the grid at a time: few enough to stay in the caches and to need no
fresh memory each time, enough boxes for all cores."""


class Plan(NamedTuple):
    """What is fixed for one call: the padded grid and how each of its axes is cut."""

    grid: Size3
    padded: Size3
    window: Size3
    clamped: Size3
    axes: tuple[list[Segment], ...]
    legacy_bias_index: bool


def window_attention(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    *,
    window: Size3,
    shift: Size3,
    legacy_bias_index: bool,
) -> Tensor:
    """See `videoswin.ops.window_attention`. qkv (B, t, h, w, 3, heads, d) -> (B, t, h, w, heads*d)."""
    grid = Size3(*qkv.shape[1:4])
    clamped, shift = clamp_window(grid, window, shift)
    padded = padded_grid(grid, clamped)
    axes = tuple(axis_segments(*sizes) for sizes in zip(padded, clamped, shift, strict=True))
    plan = Plan(grid, padded, window, clamped, axes, legacy_bias_index)
    inputs = [x for x in (qkv, bias_table, pad_qkv) if x is not None]
    if torch.is_grad_enabled() and any(x.requires_grad for x in inputs):
        return _Boxes.apply(qkv, bias_table, pad_qkv, plan)  # type: ignore[no-any-return, no-untyped-call]
    return _forward(qkv, bias_table, pad_qkv, plan)


class _Boxes(torch.autograd.Function):
    """Saves its inputs only."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, bias_table: Tensor | None, pad_qkv: Tensor, plan: Plan) -> Tensor:
        ctx.save_for_backward(qkv, bias_table, pad_qkv)
        ctx.plan = plan
        return _forward(qkv, bias_table, pad_qkv, plan)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor, Tensor | None, Tensor, None]:
        qkv, bias_table, pad_qkv = ctx.saved_tensors
        return *_backward(qkv, bias_table, pad_qkv, grad_out, ctx.plan), None


def _forward(qkv: Tensor, bias_table: Tensor | None, pad_qkv: Tensor, plan: Plan) -> Tensor:
    qkv = _pad(qkv, pad_qkv, plan)
    out = qkv.new_empty(
        *qkv.shape[:4], qkv.shape[5] * qkv.shape[6]
    )  # (B, t, h, w, heads*d) of the padded grid
    for segments in itertools.product(*plan.axes):
        bias = _bias(bias_table, segments, plan)
        mask = None if bias is None else bias[None].to(qkv.dtype)
        for part, region in _regions(segments, len(qkv)):
            q, k, v = _heads_first(_split(qkv[region], part))
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (B*boxes, heads, S, d)
            _merge(attended.transpose(1, 2).flatten(2), out[region], part)
    return _crop(out, plan.grid)


def _backward(
    qkv: Tensor, bias_table: Tensor | None, pad_qkv: Tensor, grad_out: Tensor, plan: Plan
) -> tuple[Tensor, Tensor | None, Tensor]:
    padded_qkv = _pad(qkv, pad_qkv, plan)
    missing = [padded - size for size, padded in zip(plan.grid, plan.padded, strict=True)]
    if any(missing):
        grad_out = F.pad(grad_out, (0, 0, 0, missing[2], 0, missing[1], 0, missing[0]))
    grad_out = grad_out.unflatten(-1, qkv.shape[5:])
    grad_qkv = torch.empty_like(padded_qkv)
    grad_table = (
        None
        if bias_table is None
        else torch.zeros_like(bias_table.t(), memory_format=torch.contiguous_format)
    )
    for segments in itertools.product(*plan.axes):
        bias = _bias(bias_table, segments, plan)
        # Summed in float32 at least, over all boxes of a shape.
        grad_bias = None if bias is None else bias.new_zeros(bias.shape, dtype=_at_least_float32(bias))
        for part, region in _regions(segments, len(qkv)):
            boxes = _heads_first(_split(padded_qkv[region], part))
            grad_boxes = _split(grad_out[region], part).transpose(1, 2)
            grads = attention_backward(*boxes, bias, grad_boxes, grad_bias)  # (B*boxes, S, 3, heads, d)
            _merge(grads, grad_qkv[region], part)
        if grad_table is not None and grad_bias is not None:
            index = _index(segments, plan, qkv.device).flatten()
            grad_table.index_add_(1, index, grad_bias.flatten(1).to(grad_table))
    grad_pad = torch.zeros_like(pad_qkv)
    for slab in _pad_slabs(plan):
        grad_pad += grad_qkv[slab].sum((0, 1, 2, 3))
    return _crop(grad_qkv, plan.grid), None if grad_table is None else grad_table.t(), grad_pad


def _regions(
    segments: tuple[Segment, ...], batch: int
) -> Iterator[tuple[tuple[Segment, ...], tuple[slice, ...]]]:
    """The places of the boxes of one shape: the segments of the three axes and the slices (B, t, h, w) that
    they cover. More than TOKENS_AT_ONCE tokens are taken clip by clip, one row of boxes at a time."""
    if batch * math.prod([segment.stop - segment.start for segment in segments]) <= TOKENS_AT_ONCE:
        yield segments, (slice(None), *(slice(segment.start, segment.stop) for segment in segments))
        return
    t, h, w = segments
    for clip, at_t, at_h in itertools.product(range(batch), range(t.repeats), range(h.repeats)):
        row = (t.at(at_t), h.at(at_h), w)
        yield row, (slice(clip, clip + 1), *(slice(segment.start, segment.stop) for segment in row))


def _index(segments: tuple[Segment, ...], plan: Plan, device: torch.device) -> Tensor:
    box = Size3(*(segment.length for segment in segments))
    if not plan.legacy_bias_index:
        return relative_position_index(box, plan.window, device=device)
    offset = Size3(*(segment.offset for segment in segments))
    return relative_position_index(box, plan.window, device=device, within=plan.clamped, offset=offset)


def _bias(bias_table: Tensor | None, segments: tuple[Segment, ...], plan: Plan) -> Tensor | None:
    return None if bias_table is None else bias_of(bias_table, _index(segments, plan, bias_table.device))


def _split(region: Tensor, segments: tuple[Segment, ...]) -> Tensor:
    """(B, t, h, w, ...) of one region -> (B*boxes, S, ...), one copy."""
    return _boxed(region, segments).flatten(4, 6).flatten(0, 3)


def _merge(boxes: Tensor, region: Tensor, segments: tuple[Segment, ...]) -> None:
    """Write (B*boxes, S, ...) to its place in the grid; the inverse of `_split`."""
    target = _boxed(region, segments)
    target.copy_(boxes.reshape(target.shape))


def _boxed(region: Tensor, segments: tuple[Segment, ...]) -> Tensor:
    """View (B, t, h, w, ...) as (B, boxes on t, on h, on w, box t, h, w, ...)."""
    for axis, segment in zip((3, 2, 1), reversed(segments), strict=True):
        region = region.unflatten(axis, (segment.repeats, segment.length))
    return region.permute(0, 1, 3, 5, 2, 4, 6, *range(7, region.ndim))


def _heads_first(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(boxes, S, 3, heads, d) -> q, k, v as views (boxes, heads, S, d); the fused kernels read them in
    place."""
    q, k, v = boxes.permute(2, 0, 3, 1, 4).unbind(0)
    return q, k, v


def _pad(qkv: Tensor, pad_qkv: Tensor, plan: Plan) -> Tensor:
    if plan.padded == plan.grid:
        return qkv
    padded = qkv.new_empty(qkv.shape[0], *plan.padded, *qkv.shape[4:])
    padded[:, : plan.grid.t, : plan.grid.h, : plan.grid.w] = qkv
    for slab in _pad_slabs(plan):
        padded[slab] = pad_qkv.to(qkv.dtype)
    return padded


def _pad_slabs(plan: Plan) -> list[tuple[slice, ...]]:
    """The padding as three disjoint slabs (B, t, h, w), empty ones left out."""
    (t, h, w), every = plan.grid, slice(None)
    slabs = [
        (every, slice(t, None), every, every),
        (every, slice(t), slice(h, None), every),
        (every, slice(t), slice(h), slice(w, None)),
    ]
    return [slab for slab, size, padded in zip(slabs, plan.grid, plan.padded, strict=True) if padded > size]


def _at_least_float32(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _crop(x: Tensor, grid: Size3) -> Tensor:
    return x[:, : grid.t, : grid.h, : grid.w].contiguous()
