"""The bias of scores from the bias table, and the table's gradient from that of the bias."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from videoswin.ops.triton import table
from videoswin.ops.triton.call import Call


def bias_of(call: Call, *, mirror: bool = False) -> Tensor:
    """(heads, bias_size): what scores of base 2 get added, every block transposed with `mirror`. float16 for
    half precisions: finer than bfloat16."""
    size, table_ = call.plan.bias_size, call.bias_table
    dtype = torch.float32 if call.qkv.dtype == torch.float32 else torch.float16
    bias = call.qkv.new_empty(call.heads, size, dtype=dtype)
    block = 1024
    table.expand_kernel[(triton.cdiv(size, block), call.heads)](
        bias if table_ is None else table_,
        call.plan.bias_index,
        bias,
        call.heads,
        size,
        0 if table_ is None else len(table_),
        HAS_TABLE=table_ is not None,
        MIRROR=mirror,
        BLOCK=block,
    )
    return bias


def fold(call: Call, parts: Tensor) -> Tensor:
    """The gradient of the bias table, (table rows, heads) float32, from `run_bias_gradient`."""
    grad_bias = parts.sum(0) if len(parts) > 1 else parts[0]
    table_rows = len(call.plan.fold_starts) - 1
    grad_table = parts.new_empty(table_rows, call.heads)
    rows = 16
    table.fold_kernel[(triton.cdiv(table_rows, rows), call.heads)](
        grad_bias,
        call.plan.fold_order,
        call.plan.fold_starts,
        grad_table,
        call.heads,
        call.plan.bias_size,
        table_rows,
        ROWS=rows,
        BLOCK=32,
    )
    return grad_table
