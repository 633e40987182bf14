"""Runs the kernels: memory and grids of a forward and a backward of one call.

B batch, t h w token grid, N = t*h*w rows, places: rows and padding in box order (see `plan`).
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from videoswin.ops.recorded import kept_for_graphs
from videoswin.ops.triton import backward, forward
from videoswin.ops.triton.bias import bias_of, fold
from videoswin.ops.triton.call import Call
from videoswin.ops.triton.configs import Config
from videoswin.ops.triton.plan import pairs, tiles

TAIL = 16
"""Columns of the last steps over a box: the least that a tensor core takes."""
PROGRAMS = 2048
"""Programs that the bias gradient is split into, about: four a multiprocessor of the largest devices, four
times over. A constant, since sums must not depend on the device."""


def attention(call: Call) -> tuple[Tensor, Tensor]:
    """out (B, t, h, w, heads*d) and the log-sum-exp of base 2, (B, heads, places) float32."""
    qkv = call.qkv
    out = qkv.new_empty(*qkv.shape[:4], call.heads * call.width)
    lse = qkv.new_empty(len(qkv), call.heads, call.plan.num_places, dtype=torch.float32)
    if qkv.numel():
        with torch.cuda.device_of(qkv):
            call.run("forward", partial(run_forward, call, bias_of(call), out, lse))
    return out, lse


def attention_backward(
    call: Call, grad_out: Tensor, out: Tensor, lse: Tensor, *, needs_table: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Gradients of qkv (its shape and dtype), the bias table and pad_qkv (float32)."""
    grad_qkv = torch.empty_like(call.qkv)
    grad_pad = call.qkv.new_zeros(call.pad_qkv.shape, dtype=torch.float32)
    if not call.qkv.numel():
        table_ = call.bias_table
        return grad_qkv, None if table_ is None else torch.zeros_like(table_, dtype=torch.float32), grad_pad
    grad_out, delta = grad_out.contiguous(), torch.empty_like(lse)
    with torch.cuda.device_of(call.qkv):
        bias = bias_of(call)
        of_queries = partial(run_query_gradient, call, bias, out, grad_out, lse, delta, grad_qkv)
        call.run("query_gradient", of_queries)
        mirrored = bias_of(call, mirror=True)
        of_keys = partial(run_key_gradient, call, mirrored, grad_out, lse, delta, grad_qkv)
        grad_pad[1:] = call.run("key_gradient", of_keys)
        if call.bias_table is None or not needs_table:
            return grad_qkv, None, grad_pad
        of_bias = partial(run_bias_gradient, call, bias, grad_out, lse, delta)
        return grad_qkv, fold(call, call.run("bias_gradient", of_bias)), grad_pad


def run_forward(call: Call, bias: Tensor, out: Tensor, lse: Tensor, config: Config) -> None:
    """Fills out and lse."""
    table_ = _tiles(call, config)
    forward.forward_kernel[(call.heads * len(table_) * len(call.qkv),)](
        call.qkv,
        call.pad_qkv,
        bias,
        call.plan.rows,
        table_,
        out,
        lse,
        call.heads,
        len(table_),
        call.num_rows,
        call.plan.num_places,
        call.plan.bias_size,
        call.scale,
        TAIL=TAIL,
        **call.constants(config),
    )


def run_query_gradient(
    call: Call,
    bias: Tensor,
    out: Tensor,
    grad_out: Tensor,
    lse: Tensor,
    delta: Tensor,
    grad_qkv: Tensor,
    config: Config,
) -> None:
    """Fills delta and the queries of grad_qkv."""
    table_ = _tiles(call, config)
    backward.query_gradient_kernel[(call.heads * len(table_) * len(call.qkv),)](
        call.qkv,
        call.pad_qkv,
        bias,
        call.plan.rows,
        table_,
        out,
        grad_out,
        lse,
        delta,
        grad_qkv,
        call.heads,
        len(table_),
        call.num_rows,
        call.plan.num_places,
        call.plan.bias_size,
        call.scale,
        call.width**-0.5,
        TAIL=TAIL,
        **call.constants(config),
    )


def run_key_gradient(
    call: Call,
    mirrored: Tensor,
    grad_out: Tensor,
    lse: Tensor,
    delta: Tensor,
    grad_qkv: Tensor,
    config: Config,
) -> Tensor:
    """Fills the keys and values of grad_qkv; what padded keys and values get together, (2, heads, d)
    float32."""
    table_ = _tiles(call, config)
    parts = len(call.qkv) * len(table_) if call.plan.has_padding else 0
    grad_pad = grad_qkv.new_empty(parts, 2, call.heads, call.width, dtype=torch.float32)
    backward.key_gradient_kernel[(call.heads * len(table_) * len(call.qkv),)](
        call.qkv,
        call.pad_qkv,
        mirrored,
        call.plan.rows,
        table_,
        grad_out,
        lse,
        delta,
        grad_qkv,
        grad_pad,
        call.heads,
        len(table_),
        call.num_rows,
        call.plan.num_places,
        call.plan.bias_size,
        call.scale,
        call.width**-0.5,
        TAIL=TAIL,
        **call.constants(config),
    )
    return grad_pad.sum(0)


def run_bias_gradient(
    call: Call, bias: Tensor, grad_out: Tensor, lse: Tensor, delta: Tensor, config: Config
) -> Tensor:
    """(splits, heads, bias_size) float32, to be summed; undefined in the padding of rows."""
    device = call.qkv.device
    sizes = config.rows, config.columns
    table_ = kept_for_graphs(pairs(call.plan.blocks, sizes, device=device), device)
    splits = num_splits(call, config)
    parts = bias.new_empty(splits, call.heads, call.plan.bias_size, dtype=torch.float32)
    backward.bias_gradient_kernel[(call.heads * len(table_) * splits,)](
        call.qkv,
        call.pad_qkv,
        bias,
        call.plan.rows,
        table_,
        grad_out,
        lse,
        delta,
        parts,
        call.heads,
        len(table_),
        splits,
        len(call.qkv),
        call.num_rows,
        call.plan.num_places,
        call.plan.bias_size,
        call.scale,
        **call.constants(config),
    )
    return parts


def _tiles(call: Call, config: Config) -> Tensor:
    device = call.qkv.device
    return kept_for_graphs(tiles(call.plan.blocks, config.rows, device=device), device)


def num_splits(call: Call, config: Config) -> int:
    """Into how many parts the boxes of every block are split, so that the blocks with most of the work fill
    the device."""
    most = max(block.num_boxes for block in call.plan.blocks)
    work = sum(
        block.num_boxes * len(block.tiles(config.rows)) * len(block.tiles(config.columns))
        for block in call.plan.blocks
    )
    return max(1, min(most * len(call.qkv), round(PROGRAMS * most / (work * call.heads))))
