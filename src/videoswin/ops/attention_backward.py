"""Gradients of attention with a bias, from q, k, v alone: scores are computed again, some at a time, in
memory that is used again.

Why not the fused backward of scaled_dot_product_attention: it gives no gradient for the bias, so the scores
would be computed a third time for it (measured: docs/log.md).

S tokens of a box, d width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

SCORES_AT_ONCE = 2**20
"""Scores that are worked on at a time: small enough for the caches of CPU cores, large enough for efficient
matrix products."""
SCORES_AT_ONCE_ON_CUDA = 2**24
"""At most 10 bytes each. A chunk's ten kernels then move 60 MB on average, at least 15 us on the fastest
devices: several times what a launch takes (by arithmetic, not measured)."""


class Arithmetic(NamedTuple):
    """How gradients are computed."""

    scores_at_once: int
    has_half_products: bool
    """Products of half precision, as the inputs are; scores and softmax in float32. float32 products would
    run at a tenth of the speed on CUDA; on a CPU they cost little, and are closer."""


def arithmetic_of(device: torch.device, dtype: torch.dtype) -> Arithmetic:
    """What suits the device for inputs of this dtype."""
    if device.type != "cuda":
        return Arithmetic(SCORES_AT_ONCE, has_half_products=False)
    return Arithmetic(SCORES_AT_ONCE_ON_CUDA, has_half_products=dtype.itemsize == 2)


def attention_backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    grad_out: Tensor,
    grad_bias: Tensor | None,
    arithmetic: Arithmetic | None = None,
) -> Tensor:
    """Gradients of softmax(q k' / sqrt(d) + bias) v. q, k, v, grad_out (boxes, heads, S, d), bias (heads, S,
    S).

    Returns the gradients of q, k, v as (boxes, S, 3, heads, d) in their dtype and adds those of the bias,
    summed over boxes, to `grad_bias` (heads, S, S). arithmetic: None is that of the device.
    """
    arithmetic = arithmetic or arithmetic_of(q.device, q.dtype)
    boxes, heads, tokens, width = q.shape
    dtype = q.dtype if arithmetic.has_half_products else torch.promote_types(q.dtype, torch.float32)
    grads = q.new_empty(boxes, tokens, 3, heads, width)
    memory: tuple[Tensor, Tensor] | None = None
    for some in _chunks(boxes, heads, tokens, arithmetic.scores_at_once):
        parts = [x[some].to(dtype).contiguous() for x in (q, k, v, grad_out)]
        some_bias = None if bias is None else bias[some[1]]
        shape = (*parts[0].shape[:3], tokens)  # (some boxes, some heads, S, S)
        if arithmetic.has_half_products:
            *some_grads, of_scores = _some_backward_in_half(parts, some_bias)
        else:
            if memory is None or memory[0].shape != shape:
                memory = q.new_empty(shape, dtype=dtype), q.new_empty(shape, dtype=dtype)
            some_grads, of_scores = list(_some_backward(parts, some_bias, memory)), memory[0]
        for number, grad in enumerate(some_grads):
            target = grads[some[0], :, number, some[1]]  # (some boxes, S, some heads, d)
            target.copy_(grad.view(parts[0].shape).transpose(1, 2))
        if grad_bias is not None:
            of_scores = of_scores.view(shape)
            one = len(of_scores) == 1
            grad_bias[some[1]] += of_scores[0] if one else of_scores.sum(0, dtype=grad_bias.dtype)
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


def _some_backward_in_half(parts: list[Tensor], bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """From q, k, v, grad_out (some boxes, some heads, S, d), of half precision, the gradients of q, k, v and
    of the scores, each (some boxes * heads, S, d or S).

    Scores stay in float32 until their softmax is taken: rounded before, all gradients would have up to 1.8
    times the error of autocast's. Weights and gradients of scores are rounded: a third of the memory traffic.
    """
    q, k, v, grad_out = (x.flatten(0, 1) for x in parts)
    scale = q.shape[-1] ** -0.5
    scores = _product_in_float32(q, k.transpose(1, 2))
    if bias is None:
        scores.mul_(scale)
    else:
        of_boxes = scores.unflatten(0, parts[0].shape[:2])
        torch.add(bias.float(), of_boxes, alpha=scale, out=of_boxes)
    weights = scores.softmax(-1).to(q.dtype)
    del scores
    of_weights = grad_out @ v.transpose(1, 2)
    of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
    of_q, of_k = of_scores @ k, of_scores.transpose(1, 2) @ q
    return of_q.mul_(scale), of_k.mul_(scale), weights.transpose(1, 2) @ grad_out, of_scores


def _product_in_float32(a: Tensor, b: Tensor) -> Tensor:
    """Of matrices in half precision. Torch's product with another dtype of output exists on CUDA only."""
    return torch.bmm(a, b, out_dtype=torch.float32) if a.is_cuda else a.float() @ b.float()


def _chunks(boxes: int, heads: int, tokens: int, scores: int) -> Iterator[tuple[slice, slice]]:
    """Slices of boxes and heads with at most `scores` scores, or one box's head: several boxes with all
    heads, or one box with some heads."""
    heads_at_once = min(heads, max(1, scores // tokens**2))
    boxes_at_once = max(1, scores // (heads_at_once * tokens**2))
    for head in range(0, heads, heads_at_once):
        for box in range(0, boxes, boxes_at_once):
            yield slice(box, box + boxes_at_once), slice(head, head + heads_at_once)
