"""Box order: the tokens of a grid, box after box, boxes of one shape side by side.

A block of a Swin needs the tokens of one box only (see `boxes`), so in this order it can be computed some
boxes at a time with everything in the caches. Between blocks tokens need no order of their own: the gather
of the next block goes from the boxes of the last one to its own (`box_rows`).

B batch, t h w token grid, S tokens of a box.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from videoswin.ops.windows import (
    Segment,
    axis_segments,
    bias_of,
    clamp_window,
    padded_grid,
    relative_position_index,
)
from videoswin.values import Size3

PADDING = -1


class BoxGroup(NamedTuple):
    """Boxes that lie side by side and have one block of the bias table."""

    box: Size3
    num_boxes: int
    window: Size3
    within: Size3 | None
    offset: Size3
    """As `relative_position_index` needs them; without the official numbering equal for equal boxes."""

    def bias_index(self, device: torch.device) -> Tensor:
        """(S, S) int64: rows of the bias table."""
        return relative_position_index(
            self.box, self.window, device=device, within=self.within, offset=self.offset
        )

    def bias(self, table: Tensor) -> Tensor:
        """(heads, S, S) of a bias table (rows, heads)."""
        return bias_of(table, self.bias_index(table.device))


class BoxOrder(NamedTuple):
    """rows: (N,) int64, for every place in box order the row of its token in (B*t*h*w, C), or PADDING.
    groups: in order; together they cover all N places."""

    rows: Tensor
    groups: tuple[BoxGroup, ...]

    def alike(self) -> dict[BoxGroup, Tensor]:
        """Groups that differ in where they lie alone, as one: the rows of its boxes, (boxes, S)."""
        sizes = [group.num_boxes * group.box.volume for group in self.groups]
        found: dict[BoxGroup, list[Tensor]] = {}
        for group, rows in zip(self.groups, self.rows.split(sizes), strict=True):
            found.setdefault(group._replace(num_boxes=0), []).append(rows.view(group.num_boxes, -1))
        together = {group: torch.cat(rows) for group, rows in found.items()}
        return {group._replace(num_boxes=len(rows)): rows for group, rows in together.items()}

    def places(self, num_rows: int) -> Tensor:
        """The inverse: (num_rows,) int64, the place of every token."""
        is_token = self.rows != PADDING
        places = torch.empty(num_rows, dtype=torch.int64)
        places[self.rows[is_token]] = torch.arange(len(self.rows))[is_token]
        return places


def box_order(
    batch_size: int, grid: Size3, *, window: Size3, shift: Size3, legacy_bias_index: bool
) -> BoxOrder:
    """The boxes of `batch_size` grids for a block with this window and shift (see `window_attention`)."""
    clamped, shift = clamp_window(grid, window, shift)
    padded = padded_grid(grid, clamped)
    numbers = torch.full((batch_size, *padded), PADDING)
    numbers[:, : grid.t, : grid.h, : grid.w] = torch.arange(batch_size * grid.volume).view(batch_size, *grid)
    rows: list[Tensor] = []
    groups: list[BoxGroup] = []
    axes = (axis_segments(*sizes) for sizes in zip(padded, clamped, shift, strict=True))
    for segments in itertools.product(*axes):
        boxes = _boxes(numbers, segments)  # (boxes, S)
        rows.append(boxes.flatten())
        box = Size3(*(segment.length for segment in segments))
        offset = Size3(*(segment.offset if legacy_bias_index else 0 for segment in segments))
        within = clamped if legacy_bias_index else None
        groups.append(BoxGroup(box, len(boxes), window, within, offset))
    return BoxOrder(torch.cat(rows), tuple(groups))


def _boxes(numbers: Tensor, segments: tuple[Segment, ...]) -> Tensor:
    """Numbers (B, t, h, w) of the boxes of one region, (boxes, S)."""
    region = numbers[:, *(slice(segment.start, segment.stop) for segment in segments)]
    for axis, segment in zip((3, 2, 1), reversed(segments), strict=True):
        region = region.unflatten(axis, (segment.repeats, segment.length))
    return region.permute(0, 1, 3, 5, 2, 4, 6).flatten(4).flatten(0, 3)
