"""Backend `boxes`: shifted-window attention without roll, mask or partition of the whole grid.

A shifted block is plain attention inside the boxes into which `windows.axis_segments` cuts the padded grid.
Boxes of one shape need one block of the bias table and go through scaled_dot_product_attention together;
nothing masked is computed. Equal to `reference` up to e^-100 (the official mask is -100, not -inf).

The scores of one box shape are never kept: the forward is fused, the backward recomputes them for a few boxes
at a time. That needs no private operator, is deterministic, and runs on every device.

B batch, t h w token grid, S tokens of a box, d width of a head.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from videoswin.ops.windows import (
    Segment,
    axis_segments,
    bias_of,
    clamp_window,
    padded_grid,
    relative_position_index,
)
from videoswin.values import Size3

SCORES_AT_ONCE = 2**19
"""Scores that the backward works on at a time: small enough for the caches of a CPU core, large enough for
efficient matrix products."""


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
    for segments, region in _regions(plan):
        q, k, v = _heads_first(_split(qkv[region], segments))
        bias = _bias(bias_table, segments, plan)
        mask = None if bias is None else bias[None].to(q.dtype)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (B*boxes, heads, S, d)
        _merge(attended.transpose(1, 2).flatten(2), out[region], segments)
    return _crop(out, plan.grid)


def _backward(
    qkv: Tensor, bias_table: Tensor | None, pad_qkv: Tensor, grad_out: Tensor, plan: Plan
) -> tuple[Tensor, Tensor | None, Tensor]:
    padded_qkv = _pad(qkv, pad_qkv, plan)
    grad_out = F.pad(
        grad_out, (0, 0, *(x for a in (3, 2, 1) for x in (0, plan.padded[a - 1] - plan.grid[a - 1])))
    )
    grad_qkv = torch.empty_like(padded_qkv)
    grad_table = (
        None
        if bias_table is None
        else torch.zeros_like(bias_table.t(), memory_format=torch.contiguous_format)
    )
    for segments, region in _regions(plan):
        boxes = _heads_first(_split(padded_qkv[region], segments))
        grad_boxes = _split(grad_out[region].unflatten(-1, qkv.shape[5:]), segments).transpose(1, 2)
        bias = _bias(bias_table, segments, plan)
        grads, grad_bias = attention_backward(
            *boxes, bias, grad_boxes
        )  # (B*boxes, S, 3, heads, d), (heads, S, S)
        _merge(grads, grad_qkv[region], segments)
        if grad_table is not None:
            grad_table.index_add_(
                1, _index(segments, plan, qkv.device).flatten(), grad_bias.flatten(1).to(grad_table)
            )
    grad_pad = torch.zeros_like(pad_qkv)
    for slab in _pad_slabs(plan):
        grad_pad += grad_qkv[slab].sum((0, 1, 2, 3))
    return _crop(grad_qkv, plan.grid), None if grad_table is None else grad_table.t(), grad_pad


def attention_backward(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, grad_out: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of softmax(q k' / sqrt(d) + bias) v, some boxes at a time; all inputs (boxes, heads, S, d).

    Returns the gradients of q, k, v as (boxes, S, 3, heads, d) in their dtype and of the bias as (heads, S,
    S), summed over boxes. Scores are computed in float32 at least: bfloat16 scores would lose what the fused
    forward keeps.
    """
    num_boxes, heads, tokens, width = q.shape
    dtype = torch.promote_types(q.dtype, torch.float32)
    scale = width**-0.5
    grads = q.new_empty(num_boxes, tokens, 3, heads, width)
    grad_bias = q.new_zeros(heads, tokens, tokens, dtype=dtype)
    step = max(1, SCORES_AT_ONCE // (heads * tokens * tokens))
    for start in range(0, num_boxes, step):
        some = slice(start, start + step)
        qs, ks, vs, gs = (x[some].to(dtype).contiguous() for x in (q, k, v, grad_out))
        qs = qs * scale
        scores = qs @ ks.transpose(-2, -1)  # (some, heads, S, S)
        weights = (scores if bias is None else scores.add_(bias)).softmax(-1)
        grad_scores = torch._softmax_backward_data(gs @ vs.transpose(-2, -1), weights, -1, dtype)
        grad_bias += grad_scores.sum(0)
        grad_q, grad_k = grad_scores @ ks * scale, grad_scores.transpose(-2, -1) @ qs
        grad_v = weights.transpose(-2, -1) @ gs
        grads[some] = torch.stack((grad_q, grad_k, grad_v)).permute(1, 3, 0, 2, 4)
    return grads, grad_bias


def _regions(plan: Plan) -> Iterator[tuple[tuple[Segment, ...], tuple[slice, ...]]]:
    """Every box shape at its place: the segments of the three axes and the slices (B, t, h, w) they cover."""
    for segments in itertools.product(*plan.axes):
        yield segments, (slice(None), *(slice(segment.start, segment.stop) for segment in segments))


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


def _crop(x: Tensor, grid: Size3) -> Tensor:
    return x[:, : grid.t, : grid.h, : grid.w].contiguous()
