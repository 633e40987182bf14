"""Index arithmetic of shifted windows: pure functions, no tensors of pixels, no state.

An axis of a token grid has `size` tokens. It is padded at its end to whole windows and, in a shifted block,
cut at `shift`, `shift + window`, ... instead of at `0`, `window`, ...: what the cyclic shift and the
attention mask of the paper (Sec. 3.3) do together is to give a shorter first and last segment.

Letters: P M N window (time, height, width), S = P*M*N tokens of a window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from videoswin.values import Size3


class Segment(NamedTuple):
    """A run of `repeats` neighbouring windows of `length` tokens each, from token `start` on one axis."""

    start: int
    length: int
    repeats: int
    offset: int
    """Where the first token lies inside its window of the cyclically shifted grid; only the official bias
    index, which depends on it, needs this."""

    @property
    def stop(self) -> int:
        return self.start + self.length * self.repeats

    def at(self, number: int) -> Segment:
        """One of its windows."""
        return self._replace(start=self.start + number * self.length, repeats=1)


def clamp_window(grid: Size3, window: Size3, shift: Size3) -> tuple[Size3, Size3]:
    """The window and shift really used on `grid`: where an axis is not larger than the window, the window
    becomes the axis and its shift 0 (official `get_window_size`).

    >>> clamp_window(Size3(4, 14, 14), Size3(8, 7, 7), Size3(4, 3, 3))
    (Size3(t=4, h=7, w=7), Size3(t=0, h=3, w=3))
    """
    clamped = Size3(*map(min, grid, window))
    kept = Size3(*(s if size > w else 0 for size, w, s in zip(grid, window, shift, strict=True)))
    return clamped, kept


def padded_grid(grid: Size3, window: Size3) -> Size3:
    """`grid` rounded up to whole windows on each axis."""
    return Size3(*(-(-size // w) * w for size, w in zip(grid, window, strict=True)))


def axis_segments(size: int, window: int, shift: int) -> list[Segment]:
    """The segments of one padded axis, in order; together they cover [0, size) once. `size` is a multiple of
    `window` and `0 <= shift < window`.

    >>> axis_segments(21, 7, 3)
    [Segment(start=0, length=3, repeats=1, offset=4), Segment(start=3, length=7, repeats=2, offset=0),
     Segment(start=17, length=4, repeats=1, offset=0)]
    """
    if shift == 0:
        return [Segment(0, window, size // window, 0)]
    middle = size // window - 1
    segments = [
        Segment(0, shift, 1, window - shift),
        Segment(shift, window, middle, 0),
        Segment(size - window + shift, window - shift, 1, 0),
    ]
    return [segment for segment in segments if segment.repeats > 0]


def relative_position_index(
    box: Size3,
    window: Size3,
    *,
    device: torch.device,
    within: Size3 | None = None,
    offset: Size3 = Size3(0, 0, 0),
) -> Tensor:
    """Rows of the bias table for every (query, key) pair of a box of tokens, (S, S) int64.

    The table has (2P-1)(2M-1)(2N-1) rows for the trained `window` (P, M, N); its row depends on the distance
    of two tokens alone (paper Sec. 3.3, eq. 4), so the index is linear: `rel(i, j) = a(i) - a(j) +
    a(center)`.

    within: the clamped window in which the official code numbers tokens before it takes the first rows and
    columns of
    the full window's index. None (ours) numbers them by the trained window, which is right at every size; the
    two differ where height or width shrink (docs/parity.md). offset: where the box starts inside that window.
    """
    p, m, n = (
        torch.arange(start, start + size, device=device) for start, size in zip(offset, box, strict=True)
    )
    if within is not None:
        flat = (p[:, None, None] * within.h + m[:, None]) * within.w + n
        p, m, n = flat // (window.h * window.w), flat // window.w % window.h, flat % window.w
    else:
        p, m = p[:, None, None], m[:, None]
    rows, columns = 2 * window.h - 1, 2 * window.w - 1
    a = ((p * rows + m) * columns + n).flatten()
    center = ((window.t - 1) * rows + window.h - 1) * columns + window.w - 1
    return a[:, None] - a + center


def bias_of(table: Tensor, index: Tensor) -> Tensor:
    """The bias of every pair: `table` (rows, heads) gathered by `index` (S, S) to (heads, S, S),
    contiguous."""
    return table.t().contiguous().index_select(1, index.flatten()).view(-1, *index.shape)
