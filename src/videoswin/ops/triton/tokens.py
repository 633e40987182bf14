"""What all kernels share: reading the tokens of a box out of natural order."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def dot(a, b, PRECISION: tl.constexpr):
    """a @ b in float32. PRECISION: of float32 products, or "widened" for Triton's interpreter, which would
    multiply the bits of bfloat16 as whole numbers."""
    if PRECISION == "widened":
        product = tl.dot(a.to(tl.float32), b.to(tl.float32), input_precision="ieee")
    else:
        product = tl.dot(a, b, input_precision=PRECISION)
    return product


@triton.jit
def add_dot(a, b, acc, PRECISION: tl.constexpr):
    """acc + a @ b, see `dot`."""
    if PRECISION == "widened":
        acc = tl.dot(a.to(tl.float32), b.to(tl.float32), acc, input_precision="ieee")
    else:
        acc = tl.dot(a, b, acc, input_precision=PRECISION)
    return acc


@triton.jit
def own_tile(tiles_ptr, heads, num_tiles):
    """(head, tile, clip, then the four numbers of the tile, see `plan.tiles`) of this program, the head
    fastest: neighbours read neighbouring parts of the same rows."""
    program = tl.program_id(0)
    tile = program // heads % num_tiles
    clip = (program // heads // num_tiles).to(tl.int64)
    numbers = tiles_ptr + tile * 4
    first = tl.load(numbers)
    length = tl.load(numbers + 1)
    start = tl.load(numbers + 2)
    bias_at = tl.load(numbers + 3)
    return program % heads, tile, clip, first, length, start, bias_at


@triton.jit
def load_row(rows_ptr, place, inside, MASKED: tl.constexpr):
    """Natural-order token of each place; negative for padding. Masked places give token 0."""
    if MASKED:
        row = tl.load(rows_ptr + place, mask=inside, other=0)
    else:
        row = tl.load(rows_ptr + place)
    return row


@triton.jit
def load_tokens(
    qkv_ptr,
    pad_ptr,
    row,
    inside,
    part,
    head,
    heads,
    WIDTH: tl.constexpr,
    BLOCK_D: tl.constexpr,
    HAS_PADDING: tl.constexpr,
    MASKED: tl.constexpr,
):
    """(tokens, BLOCK_D): the queries (part 0), keys (1) or values (2) of one head, zeros outside.

    A padded token is a pointer to another place, not a value put in later: the load still goes straight to
    shared memory.
    """
    column = tl.arange(0, BLOCK_D)
    across = (part * heads + head) * WIDTH + column
    # 64 bits: a clip may have more than 2^31 numbers.
    pointers = qkv_ptr + (row.to(tl.int64) * (3 * heads * WIDTH))[:, None] + across[None, :]
    if HAS_PADDING:
        pointers = tl.where(row[:, None] >= 0, pointers, pad_ptr + across[None, :])
    if MASKED or WIDTH != BLOCK_D:
        tokens = tl.load(pointers, mask=inside[:, None] & (column < WIDTH)[None, :], other=0.0)
    else:
        tokens = tl.load(pointers)
    return tokens


@triton.jit
def load_out(out_ptr, row, inside, head, heads, WIDTH: tl.constexpr, BLOCK_D: tl.constexpr):
    """(tokens, BLOCK_D) of a tensor (rows, heads * WIDTH); zeros outside and for padding."""
    column = tl.arange(0, BLOCK_D)
    pointers = out_ptr + (row.to(tl.int64) * (heads * WIDTH) + head * WIDTH)[:, None] + column[None, :]
    return tl.load(pointers, mask=(inside & (row >= 0))[:, None] & (column < WIDTH)[None, :], other=0.0)


@triton.jit
def store_tokens(
    target_ptr, values, row, inside, part, head, heads, PARTS: tl.constexpr, WIDTH: tl.constexpr
):
    """Writes (tokens, BLOCK_D) to a tensor (rows, PARTS, heads, WIDTH); padding is left out."""
    column = tl.arange(0, values.shape[1])
    across = (part * heads + head) * WIDTH + column
    pointers = target_ptr + (row.to(tl.int64) * (PARTS * heads * WIDTH))[:, None] + across[None, :]
    mask = (inside & (row >= 0))[:, None] & (column < WIDTH)[None, :]
    tl.store(pointers, values.to(target_ptr.dtype.element_ty), mask=mask)
