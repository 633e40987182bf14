"""Where the kernels find their work: tables of boxes, made once for a grid, a window and a shift.

A (shifted) block is plain attention inside boxes of the padded grid (`ops.boxes`). Boxes that add the same
block of the bias lie side by side here, so three numbers say where a box is. Nothing here needs Triton.

Place: the number of a token in this order, padded tokens included. S tokens of a box; a row of its bias is
stored as `row_size(S)` numbers.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.ops.box_order import BoxGroup, box_order
from videoswin.ops.windows import relative_position_index
from videoswin.values import Size3

ALIGNMENT = 16
"""Numbers; rows of the bias begin at multiples of it, so that 16 bytes can be read at once in any dtype."""
NO_BIAS = -1


class Block(NamedTuple):
    """Boxes that add the same block of the bias, one after the other."""

    first: int
    """Place of the first token of the first box."""
    length: int
    """S, tokens of a box."""
    num_boxes: int
    bias: int
    """Where the block's S rows of bias begin, in units of ALIGNMENT."""

    def tiles(self, size: int) -> list[int]:
        """The first token of every tile of `size` tokens of a box."""
        return list(range(0, self.length, size))


class Plan(NamedTuple):
    """Tables of one clip, int32, on the device of the kernels.

    rows: (places,), the token in natural order, or -1 for padding.
    bias_index: (bias_size,), the row of the bias table of every (query, key) pair of every block, or NO_BIAS
    in the padding of rows.
    fold_order: the positions of `bias_index` that are pairs, sorted by table row; fold_starts: (table rows +
    1,), where those of a row begin in it.
    """

    blocks: tuple[Block, ...]
    rows: Tensor
    bias_index: Tensor
    fold_order: Tensor
    fold_starts: Tensor
    has_padding: bool

    @property
    def num_places(self) -> int:
        return len(self.rows)

    @property
    def bias_size(self) -> int:
        """Numbers of bias a head."""
        return len(self.bias_index)


def row_size(length: int) -> int:
    """Numbers that a row of bias takes: the keys of a box, rounded up.

    >>> row_size(98)
    112
    """
    return -(-length // ALIGNMENT) * ALIGNMENT


@functools.lru_cache(maxsize=64)
def plan(grid: Size3, *, window: Size3, shift: Size3, legacy_bias_index: bool, device: torch.device) -> Plan:
    """See `videoswin.ops.window_attention`. Kept, because a model asks for the same few at every step."""
    # Tensors of an inference_mode would be unfit for a later training step.
    with torch.inference_mode(False), torch.device("cpu"):
        return _plan(grid, window, shift, legacy_bias_index, device)


def _plan(grid: Size3, window: Size3, shift: Size3, legacy_bias_index: bool, device: torch.device) -> Plan:
    order = box_order(1, grid, window=window, shift=shift, legacy_bias_index=legacy_bias_index)
    alike = order.alike()
    blocks: list[Block] = []
    indices: list[Tensor] = []
    first = bias = 0
    for group in alike:
        blocks.append(Block(first, group.box.volume, group.num_boxes, bias))
        indices.append(_bias_index(group))
        first, bias = first + group.num_boxes * group.box.volume, bias + len(indices[-1]) // ALIGNMENT
    rows = torch.cat([rows.flatten() for rows in alike.values()])
    index = torch.cat(indices)
    fold_order, fold_starts = _fold(index, math.prod(2 * size - 1 for size in window))
    has_padding = bool((rows < 0).any())
    rows, index, fold_order, fold_starts = (
        x.to(device, torch.int32) for x in (rows, index, fold_order, fold_starts)
    )
    return Plan(tuple(blocks), rows, index, fold_order, fold_starts, has_padding)


@functools.lru_cache(maxsize=256)
def tiles(blocks: tuple[Block, ...], size: int, *, device: torch.device) -> Tensor:
    """(tiles, 4) int32: every box cut into tiles of `size` tokens: (place of the box, its length, first token
    of the tile inside the box, bias of the box). Tiles of a box are neighbours: they read the same keys."""
    rows = [
        (block.first + number * block.length, block.length, start, block.bias)
        for block in blocks
        for number in range(block.num_boxes)
        for start in block.tiles(size)
    ]
    return torch.tensor(rows, dtype=torch.int32, device=device)


@functools.lru_cache(maxsize=256)
def pairs(blocks: tuple[Block, ...], sizes: tuple[int, int], *, device: torch.device) -> Tensor:
    """(pairs, 6) int32: every block of bias cut into tiles of `sizes` queries and keys: (place of the first
    box, length, number of boxes, bias, first query, first key). Most boxes first: the longest programs must
    not start last."""
    rows = [
        (block.first, block.length, block.num_boxes, block.bias, query, key)
        for block in sorted(blocks, key=lambda block: -block.num_boxes)
        for query in block.tiles(sizes[0])
        for key in block.tiles(sizes[1])
    ]
    return torch.tensor(rows, dtype=torch.int32, device=device)


def _bias_index(group: BoxGroup) -> Tensor:
    """(S * row_size(S),)"""
    cpu = torch.device("cpu")
    index = relative_position_index(
        group.box, group.window, device=cpu, within=group.within, offset=group.offset
    )
    length = len(index)
    return F.pad(index, (0, row_size(length) - length), value=NO_BIAS).flatten()


def _fold(bias_index: Tensor, table_rows: int) -> tuple[Tensor, Tensor]:
    """fold_order and fold_starts."""
    order = bias_index.argsort(stable=True)
    order = order[int((bias_index == NO_BIAS).sum()) :]
    counts = torch.bincount(bias_index[order], minlength=table_rows)
    return order, F.pad(counts.cumsum(0), (1, 0))
