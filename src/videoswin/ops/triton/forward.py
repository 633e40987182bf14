"""The forward kernel: softmax(q k' / sqrt(d) + bias) v of one tile of queries of one box and one head.

Exponents are powers of two: the scale and the bias come multiplied by log2(e). A row of bias ends in -inf up
to a multiple of 16 keys, so keys need no mask: full tiles of BLOCK_N keys, then steps of TAIL.
"""

from __future__ import annotations

import triton
import triton.language as tl

from videoswin.ops.triton.tokens import add_dot, dot, load_row, load_tokens, own_tile, store_tokens


@triton.jit
def _attend(
    state,
    q,
    key,
    length,
    bias_ptr,
    inside_q,
    rows_ptr,
    qkv_ptr,
    pad_ptr,
    head,
    heads,
    scale,
    KEYS: tl.constexpr,
    MASKED: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK_D: tl.constexpr,
    HAS_PADDING: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """The online softmax moved on by KEYS keys. state: (acc, total, peak)."""
    acc, total, peak = state
    column = key + tl.arange(0, KEYS)
    inside = column < length
    row = load_row(rows_ptr, column, inside, MASKED)
    k = load_tokens(qkv_ptr, pad_ptr, row, inside, 1, head, heads, WIDTH, BLOCK_D, HAS_PADDING, MASKED)
    v = load_tokens(qkv_ptr, pad_ptr, row, inside, 2, head, heads, WIDTH, BLOCK_D, HAS_PADDING, MASKED)
    bias = tl.load(bias_ptr + column[None, :], mask=inside_q[:, None], other=0.0)
    scores = dot(q, tl.trans(k), PRECISION) * scale + bias.to(tl.float32)
    new_peak = tl.maximum(peak, tl.max(scores, 1))
    weights = tl.exp2(scores - new_peak[:, None])
    shrink = tl.exp2(peak - new_peak)
    total = total * shrink + tl.sum(weights, 1)
    acc = acc * shrink[:, None]
    acc = add_dot(weights.to(v.dtype), v, acc, PRECISION)
    return acc, total, new_peak


@triton.jit
def forward_kernel(
    qkv_ptr,  # (B, rows, 3, heads, WIDTH)
    pad_ptr,  # (3, heads, WIDTH)
    bias_ptr,  # (heads, bias_size)
    rows_ptr,  # (places,)
    tiles_ptr,  # (tiles, 4)
    out_ptr,  # (B, rows, heads, WIDTH)
    lse_ptr,  # (B, heads, places), base 2
    heads,
    num_tiles,
    num_rows,
    num_places,
    bias_size,
    scale,
    WIDTH: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    TAIL: tl.constexpr,
    HAS_PADDING: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Program: (head, tile, clip), the head fastest: neighbours read neighbouring parts of the same rows."""
    head, _, clip, first, length, start, bias_at = own_tile(tiles_ptr, heads, num_tiles)
    qkv_ptr += clip * num_rows * (3 * heads * WIDTH)
    rows_ptr += first
    query = start + tl.arange(0, BLOCK_M)
    inside = query < length
    row = load_row(rows_ptr, query, inside, True)
    q = load_tokens(qkv_ptr, pad_ptr, row, inside, 0, head, heads, WIDTH, BLOCK_D, HAS_PADDING, True)
    row_size = (length + 15) // 16 * 16
    bias = bias_ptr + head.to(tl.int64) * bias_size + bias_at * 16 + (query * row_size)[:, None]

    acc = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    peak = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    full = length // BLOCK_N * BLOCK_N
    for key in tl.range(0, full, BLOCK_N):
        acc, total, peak = _attend(
            (acc, total, peak), q, key, length, bias, inside, rows_ptr, qkv_ptr, pad_ptr, head, heads, scale,
            BLOCK_N, False, WIDTH, BLOCK_D, HAS_PADDING, PRECISION,
        )  # fmt: skip
    for key in tl.range(full, length, TAIL, num_stages=1):
        acc, total, peak = _attend(
            (acc, total, peak), q, key, length, bias, inside, rows_ptr, qkv_ptr, pad_ptr, head, heads, scale,
            TAIL, True, WIDTH, BLOCK_D, HAS_PADDING, PRECISION,
        )  # fmt: skip

    out_ptr += clip * num_rows * (heads * WIDTH)
    store_tokens(out_ptr, acc / total[:, None], row, inside, 0, head, heads, 1, WIDTH)
    lse_ptr += (clip * heads + head) * num_places + first
    tl.store(lse_ptr + query, peak + tl.log2(total), mask=inside)
