"""The bias table to and from the blocks that the kernels add: one number for every pair of tokens."""

from __future__ import annotations

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LARGEST = tl.constexpr(60000.0)  # float16 ends at 65504


@triton.jit
def expand_kernel(
    table_ptr,  # (table_rows, heads)
    index_ptr,  # (bias_size,)
    bias_ptr,  # (heads, bias_size)
    heads,
    bias_size,
    table_rows,
    HAS_TABLE: tl.constexpr,
    MIRROR: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """bias = table * log2(e) at every pair, -inf where a row of bias is padding, zeros without a table.

    MIRROR transposes every block: the pair (j, i) has the table's row from the other end.
    """
    head = tl.program_id(1)
    position = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = position < bias_size
    index = tl.load(index_ptr + position, mask=inside, other=-1)
    is_pair = index >= 0
    if HAS_TABLE:
        if MIRROR:
            index = table_rows - 1 - index
        value = tl.load(table_ptr + index * heads + head, mask=is_pair, other=0.0).to(tl.float32) * LOG2_E
        value = tl.minimum(tl.maximum(value, -LARGEST), LARGEST)
    else:
        value = tl.zeros((BLOCK,), tl.float32)
    value = tl.where(is_pair, value, float("-inf"))
    bias_ptr += head.to(tl.int64) * bias_size
    tl.store(bias_ptr + position, value.to(bias_ptr.dtype.element_ty), mask=inside)


@triton.jit
def fold_kernel(
    grad_bias_ptr,  # (heads, bias_size) float32
    order_ptr,
    starts_ptr,  # (table_rows + 1,)
    grad_table_ptr,  # (table_rows, heads)
    heads,
    bias_size,
    table_rows,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Gradient of ROWS rows of the table for one head: of each the sum over its pairs, always in the same
    order."""
    table_row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    head = tl.program_id(1)
    inside = table_row < table_rows
    start = tl.load(starts_ptr + table_row, mask=inside, other=0)
    stop = tl.load(starts_ptr + table_row + 1, mask=inside, other=0)
    grad_bias_ptr += head.to(tl.int64) * bias_size
    total = tl.zeros((ROWS, BLOCK), tl.float32)
    for step in tl.range(0, tl.max(stop - start, 0), BLOCK):
        entry = start[:, None] + step + tl.arange(0, BLOCK)[None, :]
        is_pair = entry < stop[:, None]
        position = tl.load(order_ptr + entry, mask=is_pair, other=0)
        total += tl.load(grad_bias_ptr + position, mask=is_pair, other=0.0)
    tl.store(grad_table_ptr + table_row * heads + head, tl.sum(total, 1), mask=inside)
