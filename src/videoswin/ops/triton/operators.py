"""The kernels as operators of PyTorch: compile, export, autocast, FSDP and checkpointing see one node for the
forward and one for the backward, with shapes known without running them.

Under autocast qkv comes in half precision and the bias table in float32; gradients have the dtype of what
they are of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from videoswin.ops.recorded import TAGS
from videoswin.ops.windows import clamp_window, padded_grid
from videoswin.values import Size3


@torch.library.custom_op("videoswin::triton_attention", mutates_args=(), tags=TAGS)
def triton_attention(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
) -> tuple[Tensor, Tensor]:
    """out (B, t, h, w, heads*d) and the log-sum-exp of its scores, which the backward needs."""
    from videoswin.ops.triton import launch
    from videoswin.ops.triton.call import Call

    sizes = {"window": Size3(*window), "shift": Size3(*shift)}
    return launch.attention(Call.of(qkv, bias_table, pad_qkv, legacy_bias_index=legacy_bias_index, **sizes))


@triton_attention.register_fake
def _(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
) -> tuple[Tensor, Tensor]:
    batch, t, h, w, _, heads, width = qkv.shape
    grid = Size3(t, h, w)
    places = padded_grid(grid, clamp_window(grid, Size3(*window), Size3(*shift))[0]).volume
    return qkv.new_empty(batch, t, h, w, heads * width), qkv.new_empty(
        batch, heads, places, dtype=torch.float32
    )


@torch.library.custom_op("videoswin::triton_attention_backward", mutates_args=(), tags=TAGS)
def triton_attention_backward(
    grad_out: Tensor,
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    out: Tensor,
    lse: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
    needs_table: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of qkv, bias_table (empty if there is none or it needs none) and pad_qkv."""
    from videoswin.ops.triton import launch
    from videoswin.ops.triton.call import Call

    sizes = {"window": Size3(*window), "shift": Size3(*shift)}
    call = Call.of(qkv, bias_table, pad_qkv, legacy_bias_index=legacy_bias_index, **sizes)
    grad_qkv, grad_table, grad_pad = launch.attention_backward(
        call, grad_out, out, lse, needs_table=needs_table
    )
    if bias_table is None or grad_table is None or not needs_table:
        return grad_qkv, qkv.new_empty(0), grad_pad.to(pad_qkv.dtype)
    return grad_qkv, grad_table.to(bias_table.dtype), grad_pad.to(pad_qkv.dtype)


@triton_attention_backward.register_fake
def _(
    grad_out: Tensor,
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    out: Tensor,
    lse: Tensor,
    window: Sequence[int],
    shift: Sequence[int],
    legacy_bias_index: bool,
    needs_table: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    table = qkv.new_empty(0)
    if bias_table is not None and needs_table:
        table = bias_table.new_empty(bias_table.shape)
    return qkv.new_empty(qkv.shape), table, pad_qkv.new_empty(pad_qkv.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    qkv, bias_table, pad_qkv, *ctx.sizes = inputs
    ctx.save_for_backward(qkv, bias_table, pad_qkv, *output)
    ctx.mark_non_differentiable(output[1])


def _backward(ctx: Any, grad_out: Tensor, grad_lse: Tensor) -> tuple[Tensor | None, ...]:
    qkv, bias_table, pad_qkv, out, lse = ctx.saved_tensors
    needs_table = bias_table is not None and ctx.needs_input_grad[1]
    grad_qkv, grad_table, grad_pad = triton_attention_backward(
        grad_out, qkv, bias_table, pad_qkv, out, lse, *ctx.sizes, needs_table
    )
    return grad_qkv, grad_table if needs_table else None, grad_pad, None, None, None


triton_attention.register_autograd(_backward, setup_context=_setup_context)
