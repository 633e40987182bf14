"""The compressed pictures of a file, in the order they are stored, and what may be left undecoded.

"Position" counts in the order of storage, which is that of decoding; "index" counts the pictures in the order
of display. Pure arithmetic: this module knows no decoder. See `data.seeking` for what is done with it.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from videoswin.data.bitstream import Peek, Peeker
from videoswin.data.sampling import IntArray

Mask = npt.NDArray[np.bool_]


class Stamp(NamedTuple):
    """What tells a packet from all others of its file."""

    pts: int
    size: int
    place: int | None
    """Offset in the file, in bytes, where the container tells."""


class Part(NamedTuple):
    """Packets [start, stop) of which those at `needed`, in this order, are decoded; start is a safe point."""

    start: int
    stop: int
    needed: IntArray


@dataclass(frozen=True, kw_only=True, slots=True)
class PacketTable:
    """Of a file in which every index can be found without decoding all pictures before it."""

    stamps: tuple[Stamp, ...]
    dts: tuple[int | None, ...]
    """Decoding time stamps, by which most containers look a place up."""
    safe: IntArray
    """Positions at which decoding may start, ascending, the first 0: whatever is stored before is shown
    before, and nothing after needs it."""
    is_unused: Mask
    """By position: no other picture needs it."""
    position_of: IntArray
    """By index: the position of the picture. Pictures that an edit list cuts away have no index."""
    index_of: dict[int, int]
    """Time stamp of a picture that is shown -> index."""

    def parts(self, wanted: IntArray) -> list[Part]:
        """The least to decode for the pictures `wanted` (indices): whole groups between two safe points are
        left out, in the others what nothing needs, and what is stored after the last one wanted."""
        positions = np.sort(self.position_of[wanted])
        is_needed = ~self.is_unused
        is_needed[positions] = True
        groups = np.searchsorted(self.safe, positions, side="right") - 1
        parts = []
        for group in np.unique(groups):
            start, stop = int(self.safe[group]), int(positions[groups == group][-1]) + 1
            parts.append(Part(start, stop, start + np.flatnonzero(is_needed[start:stop])))
        return parts


class Survey:
    """Collects packets one by one; `table` is what can be proven of them."""

    def __init__(self, peeker: Peeker | None, reorder_depth: int) -> None:
        """reorder_depth: how many pictures the decoder holds back to put them in order of display. Where the
        file needs more, it would drop some."""
        self._peeker = peeker
        self._reorder_depth = reorder_depth
        self._stamps: list[Stamp] = []
        self._dts: list[int | None] = []
        self._peeks: list[Peek] = []
        self._is_cut: list[bool] = []
        self._is_key: list[bool] = []

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing more needs to be added: there will be no table."""
        return self._peeker is None

    def add(
        self, content: bytes, stamp: Stamp | None, *, dts: int | None, is_key: bool, is_cut: bool
    ) -> None:
        """stamp: None where the packet has no time. is_cut: an edit list leaves it out."""
        peek = self._peeker(content) if self._peeker is not None and content and stamp is not None else None
        if peek is None or stamp is None or not peek.is_plain or not self._is_usual(peek):
            self._peeker = None
            return
        self._stamps.append(stamp)
        self._dts.append(dts)
        self._peeks.append(peek._replace(parameters=b"") if self._peeks else peek)
        self._is_cut.append(is_cut)
        # Both must say so: FFmpeg drops pictures until one that it takes for a key frame itself.
        self._is_key.append(is_key and peek.resets and peek.parameters == self._peeks[0].parameters)

    def _is_usual(self, peek: Peek) -> bool:
        """Whether the size and tables are those of the beginning; a picture that starts nothing may omit
        them."""
        if not self._peeks or peek.parameters == self._peeks[0].parameters:
            return True
        return not peek.parameters

    def table(self) -> PacketTable | None:
        """None where an index can't be proven to be the picture of a full decode."""
        if self._peeker is None or not self._stamps:
            return None
        pts = np.array([stamp.pts for stamp in self._stamps], dtype=np.int64)
        order = np.argsort(pts, kind="stable")
        if (np.diff(pts[order]) == 0).any() or not self._explains(_reorder_depth(order)):
            return None
        safe = np.flatnonzero(np.array(self._is_key) & _is_closed(pts))
        if len(safe) == 0 or safe[0] != 0:
            return None
        is_shown = ~np.array(self._is_cut)
        position_of = order[is_shown[order]]
        levels = np.array([peek.level for peek in self._peeks])
        is_unused = np.array([peek.is_unused for peek in self._peeks]) & (levels == levels.max())
        return PacketTable(
            stamps=tuple(self._stamps),
            dts=tuple(self._dts),
            safe=safe,
            is_unused=is_unused,
            position_of=position_of,
            index_of={int(pts[position]): index for index, position in enumerate(position_of)},
        )

    def _explains(self, depth: int) -> bool:
        """Whether the decoder puts pictures in the order that the time stamps say.

        Pictures that the decoder reorders though their times are those of storage have false times (AVI).
        """
        return depth <= self._reorder_depth and (depth > 0 or self._reorder_depth == 0)


def _is_closed(pts: IntArray) -> Mask:
    """By position: all before are shown before, all after are shown after."""
    later = np.minimum.accumulate(pts[::-1])[::-1]
    is_closed: Mask = later == pts
    is_closed[1:] &= np.maximum.accumulate(pts)[:-1] < pts[1:]
    return is_closed


def _reorder_depth(order: IntArray) -> int:
    """The most pictures that are stored before one and shown after it. order: positions in the order of
    display."""
    index_of = np.argsort(order).tolist()
    stored: list[int] = []
    depth = 0
    for index in index_of:
        depth = max(depth, len(stored) - bisect.bisect(stored, index))
        bisect.insort(stored, index)
    return depth
