"""The backward kernels: gradients of queries, of keys and values, and of the bias, without atomics.

Each program owns what it writes and sums in a fixed order, so two runs give the same bits. Scores are
computed again from the log-sum-exp of the forward. Base 2 and -inf at the end of a row of bias as in
`forward`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from videoswin.ops.triton.tokens import add_dot, dot, load_out, load_row, load_tokens, own_tile, store_tokens


@triton.jit
def _query_step(
    grad_q, q, grad_out, lse, delta, key, length, bias_ptr, inside_q, rows_ptr, qkv_ptr, pad_ptr, head, heads,
    scale,
    KEYS: tl.constexpr, MASKED: tl.constexpr, WIDTH: tl.constexpr, BLOCK_D: tl.constexpr,
    HAS_PADDING: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """What KEYS keys add to the gradient of the queries."""
    column = key + tl.arange(0, KEYS)
    inside = column < length
    row = load_row(rows_ptr, column, inside, MASKED)
    k = load_tokens(qkv_ptr, pad_ptr, row, inside, 1, head, heads, WIDTH, BLOCK_D, HAS_PADDING, MASKED)
    v = load_tokens(qkv_ptr, pad_ptr, row, inside, 2, head, heads, WIDTH, BLOCK_D, HAS_PADDING, MASKED)
    bias = tl.load(bias_ptr + column[None, :], mask=inside_q[:, None], other=0.0)
    scores = dot(q, tl.trans(k), PRECISION) * scale + bias.to(tl.float32)
    weights = tl.exp2(scores - lse[:, None])
    grad_weights = dot(grad_out, tl.trans(v), PRECISION)
    grad_scores = weights * (grad_weights - delta[:, None])
    return add_dot(grad_scores.to(k.dtype), k, grad_q, PRECISION)


@triton.jit
def query_gradient_kernel(
    qkv_ptr, pad_ptr, bias_ptr, rows_ptr, tiles_ptr,
    out_ptr, grad_out_ptr,  # (B, rows, heads, WIDTH)
    lse_ptr, delta_ptr,  # (B, heads, places)
    grad_qkv_ptr,  # (B, rows, 3, heads, WIDTH)
    heads, num_tiles, num_rows, num_places, bias_size, scale, softmax_scale,
    WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    TAIL: tl.constexpr, HAS_PADDING: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Programs as in the forward. Also writes delta, the sum of out * grad_out of every token, which the
    other two kernels read."""
    head, _, clip, first, length, start, bias_at = own_tile(tiles_ptr, heads, num_tiles)
    qkv_ptr += clip * num_rows * (3 * heads * WIDTH)
    out_ptr += clip * num_rows * (heads * WIDTH)
    grad_out_ptr += clip * num_rows * (heads * WIDTH)
    lse_ptr += (clip * heads + head) * num_places + first
    delta_ptr += (clip * heads + head) * num_places + first
    rows_ptr += first
    query = start + tl.arange(0, BLOCK_M)
    inside = query < length
    row = load_row(rows_ptr, query, inside, True)
    q = load_tokens(qkv_ptr, pad_ptr, row, inside, 0, head, heads, WIDTH, BLOCK_D, HAS_PADDING, True)
    grad_out = load_out(grad_out_ptr, row, inside, head, heads, WIDTH, BLOCK_D)
    out = load_out(out_ptr, row, inside, head, heads, WIDTH, BLOCK_D)
    delta = tl.sum(out.to(tl.float32) * grad_out.to(tl.float32), 1)
    tl.store(delta_ptr + query, delta, mask=inside)
    lse = tl.load(lse_ptr + query, mask=inside, other=0.0)
    row_size = (length + 15) // 16 * 16
    bias = bias_ptr + head.to(tl.int64) * bias_size + bias_at * 16 + (query * row_size)[:, None]

    grad_q = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    full = length // BLOCK_N * BLOCK_N
    for key in tl.range(0, full, BLOCK_N):
        grad_q = _query_step(
            grad_q, q, grad_out, lse, delta, key, length, bias, inside, rows_ptr, qkv_ptr, pad_ptr, head,
            heads, scale, BLOCK_N, False, WIDTH, BLOCK_D, HAS_PADDING, PRECISION,
        )  # fmt: skip
    for key in tl.range(full, length, TAIL, num_stages=1):
        grad_q = _query_step(
            grad_q, q, grad_out, lse, delta, key, length, bias, inside, rows_ptr, qkv_ptr, pad_ptr, head,
            heads, scale, TAIL, True, WIDTH, BLOCK_D, HAS_PADDING, PRECISION,
        )  # fmt: skip
    grad_qkv_ptr += clip * num_rows * (3 * heads * WIDTH)
    store_tokens(grad_qkv_ptr, grad_q * softmax_scale, row, inside, 0, head, heads, 3, WIDTH)


@triton.jit
def _key_step(
    grad_k, grad_v, k, v, query, length, bias_ptr, inside_k, rows_ptr, qkv_ptr, pad_ptr, grad_out_ptr,
    lse_ptr, delta_ptr, head, heads, scale,
    QUERIES: tl.constexpr, MASKED: tl.constexpr, WIDTH: tl.constexpr, BLOCK_D: tl.constexpr,
    HAS_PADDING: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """What QUERIES queries add to the gradients of the keys and values. Everything is transposed: keys are
    rows."""
    column = query + tl.arange(0, QUERIES)
    inside = column < length
    row = load_row(rows_ptr, column, inside, MASKED)
    q = load_tokens(qkv_ptr, pad_ptr, row, inside, 0, head, heads, WIDTH, BLOCK_D, HAS_PADDING, MASKED)
    grad_out = load_out(grad_out_ptr, row, inside, head, heads, WIDTH, BLOCK_D)
    lse = tl.load(lse_ptr + column, mask=inside, other=0.0)
    delta = tl.load(delta_ptr + column, mask=inside, other=0.0)
    bias = tl.load(bias_ptr + column[None, :], mask=inside_k[:, None], other=0.0)
    scores = dot(k, tl.trans(q), PRECISION) * scale + bias.to(tl.float32)
    weights = tl.exp2(scores - lse[None, :])
    grad_v = add_dot(weights.to(grad_out.dtype), grad_out, grad_v, PRECISION)
    grad_weights = dot(v, tl.trans(grad_out), PRECISION)
    grad_scores = weights * (grad_weights - delta[None, :])
    grad_k = add_dot(grad_scores.to(q.dtype), q, grad_k, PRECISION)
    return grad_k, grad_v


@triton.jit
def key_gradient_kernel(
    qkv_ptr, pad_ptr,
    bias_ptr,  # (heads, bias_size), every block transposed
    rows_ptr, tiles_ptr, grad_out_ptr, lse_ptr, delta_ptr, grad_qkv_ptr,
    grad_pad_ptr,  # (B, tiles, 2, heads, WIDTH) float32
    heads, num_tiles, num_rows, num_places, bias_size, scale, softmax_scale,
    WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    TAIL: tl.constexpr, HAS_PADDING: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Programs as in the forward, a tile of BLOCK_M keys each. What padded keys get is summed by tile into
    grad_pad."""
    head, tile, clip, first, length, start, bias_at = own_tile(tiles_ptr, heads, num_tiles)
    qkv_ptr += clip * num_rows * (3 * heads * WIDTH)
    grad_out_ptr += clip * num_rows * (heads * WIDTH)
    lse_ptr += (clip * heads + head) * num_places + first
    delta_ptr += (clip * heads + head) * num_places + first
    rows_ptr += first
    key = start + tl.arange(0, BLOCK_M)
    inside = key < length
    row = load_row(rows_ptr, key, inside, True)
    k = load_tokens(qkv_ptr, pad_ptr, row, inside, 1, head, heads, WIDTH, BLOCK_D, HAS_PADDING, True)
    v = load_tokens(qkv_ptr, pad_ptr, row, inside, 2, head, heads, WIDTH, BLOCK_D, HAS_PADDING, True)
    row_size = (length + 15) // 16 * 16
    bias = bias_ptr + head.to(tl.int64) * bias_size + bias_at * 16 + (key * row_size)[:, None]

    grad_k = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    grad_v = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    full = length // BLOCK_N * BLOCK_N
    for query in tl.range(0, full, BLOCK_N):
        grad_k, grad_v = _key_step(
            grad_k, grad_v, k, v, query, length, bias, inside, rows_ptr, qkv_ptr, pad_ptr, grad_out_ptr,
            lse_ptr, delta_ptr, head, heads, scale,
            BLOCK_N, False, WIDTH, BLOCK_D, HAS_PADDING, PRECISION,
        )  # fmt: skip
    for query in tl.range(full, length, TAIL, num_stages=1):
        grad_k, grad_v = _key_step(
            grad_k, grad_v, k, v, query, length, bias, inside, rows_ptr, qkv_ptr, pad_ptr, grad_out_ptr,
            lse_ptr, delta_ptr, head, heads, scale,
            TAIL, True, WIDTH, BLOCK_D, HAS_PADDING, PRECISION,
        )  # fmt: skip

    grad_k *= softmax_scale
    grad_qkv_ptr += clip * num_rows * (3 * heads * WIDTH)
    store_tokens(grad_qkv_ptr, grad_k, row, inside, 1, head, heads, 3, WIDTH)
    store_tokens(grad_qkv_ptr, grad_v, row, inside, 2, head, heads, 3, WIDTH)
    if HAS_PADDING:
        is_pad = (inside & (row < 0))[:, None]
        column = tl.arange(0, BLOCK_D)
        grad_pad_ptr += ((clip * num_tiles + tile) * 2 * heads + head) * WIDTH
        sum_k = tl.sum(tl.where(is_pad, grad_k, 0.0), 0)
        sum_v = tl.sum(tl.where(is_pad, grad_v, 0.0), 0)
        tl.store(grad_pad_ptr + column, sum_k, mask=column < WIDTH)
        tl.store(grad_pad_ptr + heads * WIDTH + column, sum_v, mask=column < WIDTH)


@triton.jit
def bias_gradient_kernel(
    qkv_ptr, pad_ptr, bias_ptr, rows_ptr,
    pairs_ptr,  # (pairs, 6)
    grad_out_ptr, lse_ptr, delta_ptr,
    grad_bias_ptr,  # (splits, heads, bias_size) float32
    heads, num_pairs, num_splits, batch, num_rows, num_places, bias_size, scale,
    WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    HAS_PADDING: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Program: (head, tile of a block of bias, split). The tile's gradient stays in registers while the
    program walks over every num_splits-th box that adds it, of all clips."""
    program = tl.program_id(0)
    head = program % heads
    pair = program // heads % num_pairs
    split = program // heads // num_pairs
    first = tl.load(pairs_ptr + pair * 6)
    length = tl.load(pairs_ptr + pair * 6 + 1)
    num_boxes = tl.load(pairs_ptr + pair * 6 + 2)
    bias_at = tl.load(pairs_ptr + pair * 6 + 3)
    query = tl.load(pairs_ptr + pair * 6 + 4) + tl.arange(0, BLOCK_M)
    key = tl.load(pairs_ptr + pair * 6 + 5) + tl.arange(0, BLOCK_N)

    inside_q = query < length
    inside_k = key < length
    row_size = (length + 15) // 16 * 16
    stored = inside_q[:, None] & (key < row_size)[None, :]
    at = bias_at * 16 + (query * row_size)[:, None] + key[None, :]
    bias_ptr += head.to(tl.int64) * bias_size
    bias = tl.load(bias_ptr + at, mask=stored, other=float("-inf")).to(tl.float32)

    acc = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for item in tl.range(split, num_boxes * batch, num_splits):
        clip = (item // num_boxes).to(tl.int64)
        place = first + item % num_boxes * length
        clip_ptr = qkv_ptr + clip * num_rows * (3 * heads * WIDTH)
        row_q = load_row(rows_ptr, place + query, inside_q, True)
        row_k = load_row(rows_ptr, place + key, inside_k, True)
        q = load_tokens(clip_ptr, pad_ptr, row_q, inside_q, 0, head, heads, WIDTH, BLOCK_D, HAS_PADDING, True)
        k = load_tokens(clip_ptr, pad_ptr, row_k, inside_k, 1, head, heads, WIDTH, BLOCK_D, HAS_PADDING, True)
        v = load_tokens(clip_ptr, pad_ptr, row_k, inside_k, 2, head, heads, WIDTH, BLOCK_D, HAS_PADDING, True)
        clip_out = grad_out_ptr + clip * num_rows * (heads * WIDTH)
        grad_out = load_out(clip_out, row_q, inside_q, head, heads, WIDTH, BLOCK_D)
        numbers = (clip * heads + head) * num_places + place + query
        lse = tl.load(lse_ptr + numbers, mask=inside_q, other=0.0)
        delta = tl.load(delta_ptr + numbers, mask=inside_q, other=0.0)
        scores = dot(q, tl.trans(k), PRECISION) * scale + bias
        weights = tl.exp2(scores - lse[:, None])
        grad_weights = dot(grad_out, tl.trans(v), PRECISION)
        acc += weights * (grad_weights - delta[:, None])
    grad_bias_ptr += (split * heads + head).to(tl.int64) * bias_size
    tl.store(grad_bias_ptr + at, acc, mask=stored)
