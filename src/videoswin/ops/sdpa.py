"""Backends `sdpa` and `sdpa-boxes`: torch's fused attention on any CUDA device, without a kernel of our own.

Tokens are gathered into sequences that share one bias and mask (`sdpa_layout`), so that a mask is never
larger than (1, heads, S, S). The two names are the two forms of layout: whole windows in classes of one mask,
or boxes without a mask.

Torch's own backward is never used (`sdpa_call` says why): only the inputs are kept, scores are computed again
some at a time (`attention_backward`), and everything is summed in one order: two runs give the same bits.

Forward and backward are operators of torch.library: one node each for compilers, export and checkpointing.

B batch, t h w token grid, S tokens of a sequence, n sequences of one clip and group, d width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from videoswin.ops import sdpa_call
from videoswin.ops.attention_backward import attention_backward
from videoswin.ops.recorded import TAGS, kept_for_graphs
from videoswin.ops.sdpa_layout import Form, Group, Part, layout
from videoswin.ops.windows import bias_of
from videoswin.values import Size3

TOKENS_AT_ONCE = 2**19
"""Tokens of clips that are gathered at a time; what lives only during the operator grows with them. Ten
clips of 32x224x224 in the first stage: 0.3 GB of qkv in half precision at 96 channels."""


def window_attention(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    *,
    window: Size3,
    shift: Size3,
    legacy_bias_index: bool,
    form: Form,
) -> Tensor:
    """See `videoswin.ops.window_attention`. qkv (B, t, h, w, 3, heads, d) -> (B, t, h, w, heads*d)."""
    out = sdpa_attention(qkv, bias_table, pad_qkv, [*window], [*shift], legacy_bias_index, form)
    return cast(Tensor, out)


in_classes = partial(window_attention, form="classes")
in_boxes = partial(window_attention, form="boxes")


@torch.library.custom_op("videoswin::sdpa_attention", mutates_args=(), tags=TAGS)
def sdpa_attention(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
    form: str,
) -> Tensor:
    """The forward as an operator; form is a `Form`."""
    out = _empty_out(qkv)
    clip_rows = Size3(*qkv.shape[1:4]).volume
    parts = _layout(qkv, window, shift, legacy_bias_index, form)
    with torch.autocast(qkv.device.type, enabled=False), sdpa_call.pinned(qkv.device, qkv.dtype):
        for part in parts:
            bias = None if bias_table is None else bias_of(bias_table, part.bias_index)
            for group in part.groups:
                mask = sdpa_call.aligned(bias, group.mask, qkv.dtype)
                for clips in _clips(qkv, group):
                    q, k, v = _heads_first(_gather_qkv(qkv[clips], pad_qkv, group))
                    attended = sdpa_call.attention(q, k, v, mask)  # (B*n, S, heads*d)
                    _scatter(attended, out[clips].view(-1, attended.shape[-1]), clip_rows, group)
    return out


@sdpa_attention.register_fake
def _(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
    form: str,
) -> Tensor:
    return _empty_out(qkv)


@torch.library.custom_op("videoswin::sdpa_attention_backward", mutates_args=(), tags=TAGS)
def sdpa_attention_backward(
    grad_out: Tensor,
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
    form: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of qkv, bias_table (empty without one) and pad_qkv, each in the dtype of what it is of."""
    grad_qkv, grad_table, grad_pad = _empty_gradients(qkv, bias_table, pad_qkv)
    # Sums over many windows: in float32 at least.
    table_sum = torch.zeros_like(grad_table, dtype=_at_least_float32(grad_table))
    pad_sum = torch.zeros_like(grad_pad, dtype=_at_least_float32(grad_pad))
    with torch.autocast(qkv.device.type, enabled=False):
        for part in _layout(qkv, window, shift, legacy_bias_index, form):
            bias = None if bias_table is None else bias_of(bias_table, part.bias_index)
            grad_bias = None if bias is None else torch.zeros_like(bias, dtype=table_sum.dtype)
            for group in part.groups:
                for clips in _clips(qkv, group):
                    pad_sum += _backward(
                        grad_out[clips], qkv[clips], pad_qkv, group, bias, grad_bias, grad_qkv[clips]
                    )
            if grad_bias is not None:
                table_sum += part.fold(grad_bias)
    return grad_qkv, grad_table.copy_(table_sum), grad_pad.copy_(pad_sum)


@sdpa_attention_backward.register_fake
def _(
    grad_out: Tensor,
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
    form: str,
) -> tuple[Tensor, Tensor, Tensor]:
    return _empty_gradients(qkv, bias_table, pad_qkv)


def _save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])
    ctx.arguments = inputs[3:]


def _gradients(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
    qkv, bias_table, pad_qkv = ctx.saved_tensors
    grad_qkv, grad_table, grad_pad = sdpa_attention_backward(
        grad_out, qkv, bias_table, pad_qkv, *ctx.arguments
    )
    return grad_qkv, None if bias_table is None else grad_table, grad_pad, None, None, None, None


sdpa_attention.register_autograd(_gradients, setup_context=_save_inputs)


def _backward(
    grad_out: Tensor,
    qkv: Tensor,
    pad_qkv: Tensor,
    group: Group,
    bias: Tensor | None,
    grad_bias: Tensor | None,
    grad_qkv: Tensor,
) -> Tensor:
    """Of some clips and one group. Writes its part of `grad_qkv`, adds to `grad_bias` and returns the
    gradient of pad_qkv, float32 at least."""
    q, k, v = _heads_first(_gather_qkv(qkv, pad_qkv, group))
    grads_in = _gather(grad_out.flatten(0, 3).unflatten(-1, qkv.shape[5:]), len(qkv), group)
    if group.padding is not None:
        grads_in[:, group.padding] = 0  # nobody saw what a padded query gave
    grads_in = grads_in.view(-1, group.tokens, *grads_in.shape[2:]).transpose(1, 2)
    both = bias
    if group.mask is not None:
        both = group.mask.expand(q.shape[1], -1, -1) if bias is None else bias + group.mask
    grads = attention_backward(q, k, v, both, grads_in, grad_bias)  # (B*n, S, 3, heads, d)
    _scatter(grads, grad_qkv.view(-1, *grads.shape[2:]), Size3(*qkv.shape[1:4]).volume, group)
    dtype = _at_least_float32(pad_qkv)
    if group.padding is None:
        return torch.zeros_like(pad_qkv, dtype=dtype)
    of_clips = grads.view(len(qkv), -1, *grads.shape[2:])
    return of_clips.index_select(1, group.padding).sum((0, 1), dtype=dtype)


def _layout(
    qkv: Tensor, window: Sequence[int], shift: Sequence[int], legacy_bias_index: bool, form: str
) -> tuple[Part, ...]:
    grid = Size3(*qkv.shape[1:4])
    parts = layout(grid, Size3(*window), Size3(*shift), legacy_bias_index, cast(Form, form), qkv.device)
    return kept_for_graphs(parts, qkv.device)


def _clips(qkv: Tensor, group: Group) -> Iterator[slice]:
    """Some clips at a time, with at most TOKENS_AT_ONCE tokens, or one clip."""
    size = max(1, TOKENS_AT_ONCE // len(group.rows))
    for start in range(0, len(qkv), size):
        yield slice(start, start + size)


def _gather_qkv(qkv: Tensor, pad_qkv: Tensor, group: Group) -> Tensor:
    """(B, t, h, w, 3, heads, d) -> (B*n, S, 3, heads, d)."""
    tokens = _gather(qkv.flatten(0, 3), len(qkv), group)
    if group.padding is not None:
        tokens[:, group.padding] = pad_qkv.to(tokens.dtype)
    return tokens.view(-1, group.tokens, *tokens.shape[2:])


def _gather(rows: Tensor, batch_size: int, group: Group) -> Tensor:
    """(B*t*h*w, ...) -> (B, n*S, ...), one copy; what is padding is to be overwritten."""
    index = _rows_of_clips(group.rows, batch_size, len(rows) // batch_size)
    return rows.index_select(0, index).view(batch_size, -1, *rows.shape[1:])


def _scatter(sequences: Tensor, target: Tensor, clip_rows: int, group: Group) -> None:
    """Write (B*n, S, ...) to its rows of `target` (B*t*h*w, ...); padding goes nowhere."""
    batch_size = len(target) // clip_rows
    tokens, rows = sequences.flatten(0, 1).unflatten(0, (batch_size, -1)), group.rows
    if group.kept is not None:
        tokens, rows = tokens.index_select(1, group.kept), rows.index_select(0, group.kept)
    target.index_copy_(0, _rows_of_clips(rows, batch_size, clip_rows), tokens.flatten(0, 1))


def _rows_of_clips(rows: Tensor, batch_size: int, clip_rows: int) -> Tensor:
    """Rows of one clip (places,) to those of all clips, (B*places,)."""
    if batch_size == 1:
        return rows
    first = torch.arange(batch_size, device=rows.device) * clip_rows
    return (first[:, None] + rows).flatten()


def _heads_first(sequences: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(sequences, S, 3, heads, d) -> q, k, v as views (sequences, heads, S, d): four dimensions, since the
    fused kernels refuse more."""
    q, k, v = sequences.permute(2, 0, 3, 1, 4).unbind(0)
    return q, k, v


def _empty_out(qkv: Tensor) -> Tensor:
    return qkv.new_empty(*qkv.shape[:4], qkv.shape[5] * qkv.shape[6])


def _empty_gradients(
    qkv: Tensor, bias_table: Tensor | None, pad_qkv: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    contiguous = partial(torch.empty_like, memory_format=torch.contiguous_format)
    grad_table = pad_qkv.new_empty(0) if bias_table is None else contiguous(bias_table)
    return contiguous(qkv), grad_table, contiguous(pad_qkv)


def _at_least_float32(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
