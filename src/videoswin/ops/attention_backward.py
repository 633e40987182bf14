"""Gradients of attention with a bias, from q, k, v alone: scores are computed again, some at a time, in
memory that is used again.

Why not the fused backward of scaled_dot_product_attention: it gives no gradient for the bias, so the scores
would be computed a third time for it (measured: docs/log.md).

S tokens of a box, d width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

SCORES_AT_ONCE = 2**20
"""Scores that are worked on at a time: small enough for the caches of CPU cores, large enough for efficient
matrix products."""


def attention_backward(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, grad_out: Tensor, grad_bias: Tensor | None
) -> Tensor:
    """Gradients of softmax(q k' / sqrt(d) + bias) v. q, k, v, grad_out (boxes, heads, S, d), bias (heads, S,
    S).

    Returns the gradients of q, k, v as (boxes, S, 3, heads, d) in their dtype and adds those of the bias,
    summed over boxes, to `grad_bias` (heads, S, S). Scores are computed in float32 at least: bfloat16 scores
    would lose what the fused forward keeps.
    """
    boxes, heads, tokens, width = q.shape
    dtype = torch.promote_types(q.dtype, torch.float32)
    grads = q.new_empty(boxes, tokens, 3, heads, width)
    memory: tuple[Tensor, Tensor] | None = None
    for some in _chunks(boxes, heads, tokens):
        parts = [x[some].to(dtype).contiguous() for x in (q, k, v, grad_out)]
        shape = (*parts[0].shape[:3], tokens)  # (some boxes, some heads, S, S)
        if memory is None or memory[0].shape != shape:
            memory = q.new_empty(shape, dtype=dtype), q.new_empty(shape, dtype=dtype)
        some_bias = None if bias is None else bias[some[1]]
        for number, grad in enumerate(_some_backward(parts, some_bias, memory)):
            target = grads[some[0], :, number, some[1]]  # (some boxes, S, some heads, d)
            target.copy_(grad.view(parts[0].shape).transpose(1, 2))
        if grad_bias is not None:
            grad_bias[some[1]] += memory[0][0] if len(memory[0]) == 1 else memory[0].sum(0)
    return grads


def _some_backward(
    parts: list[Tensor], bias: Tensor | None, memory: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """From q, k, v, grad_out (some boxes, some heads, S, d) the gradients of q, k, v, each (some boxes *
    heads, S, d), and in `memory[0]` (some boxes, some heads, S, S) that of the scores. `memory` is
    overwritten."""
    q, k, v, grad_out = (x.flatten(0, 1) for x in parts)
    scale = q.shape[-1] ** -0.5
    q = q * scale
    scores, weights = (x.flatten(0, 1) for x in memory)
    if bias is None:
        torch.bmm(q, k.transpose(1, 2), out=scores)
    else:
        # A matrix product that adds to its output costs nothing more: the bias needs no pass of its own.
        memory[0].copy_(bias)
        scores.baddbmm_(q, k.transpose(1, 2))
    torch.softmax(scores, -1, out=weights)
    of_v = weights.transpose(1, 2) @ grad_out
    torch.bmm(grad_out, v.transpose(1, 2), out=scores)
    torch._softmax_backward_data(scores, weights, -1, scores.dtype, grad_input=scores)
    return (scores @ k).mul_(scale), scores.transpose(1, 2) @ q, of_v


def _chunks(boxes: int, heads: int, tokens: int) -> Iterator[tuple[slice, slice]]:
    """Slices of boxes and heads with at most SCORES_AT_ONCE scores, or one box's head: several boxes with all
    heads, or one box with some heads."""
    heads_at_once = min(heads, max(1, SCORES_AT_ONCE // tokens**2))
    boxes_at_once = max(1, SCORES_AT_ONCE // (heads_at_once * tokens**2))
    for head in range(0, heads, heads_at_once):
        for box in range(0, boxes, boxes_at_once):
            yield slice(box, box + boxes_at_once), slice(head, head + heads_at_once)
