"""The rows of a source in columns, as they are read: what was written, numbered, nothing decided yet."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from videoswin.data.rows import Listing, Row, normal
from videoswin.data.samples import decoded, encoded
from videoswin.data.sampling import IntArray
from videoswin.data.segments import Unit
from videoswin.data.splits import rows_of_split
from videoswin.errors import AnnotationError

MAX_CLASSES = 100_000
"""A number beyond is a slip, such as a frame count in the place of the label."""

SEPARATOR = "|"
"""Between the classes of a multi-label video."""

_NUM_SHOWN = 5


class Entry(NamedTuple):
    """A class as written: its name or number, and the number beside it."""

    label: str
    label_id: str


class Table:
    """Grows by rows. `entries` are the different classes in the order in which they first occur; `labels` are
    positions in them."""

    def __init__(self, source: Path, listing: Listing) -> None:
        self.source = source
        self.text = bytearray()
        self.ends = array("q", [0])
        self.labels = array("i")
        self.label_ends = array("I", [0])
        self.entries: list[Entry] = []
        self.is_multi_label = False
        self.unit: Unit | None = listing.unit
        self._place = listing.place
        self._lines = array("I")
        self._bounds: array[float] | None = None
        self._has_decimals = False
        self._position: dict[Entry, int] = {}
        self._known: dict[tuple[str, str], tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, row: Row) -> None:
        """Raises AnnotationError for a segment that is none."""
        key = (row.label, row.label_id)
        positions = self._known.get(key)
        if positions is None:
            positions = self._known[key] = self._learn(row)
        if row.start or row.stop or self._bounds is not None:
            self._add_segment(row)
        self.text += encoded(row.path)
        self.ends.append(len(self.text))
        self.labels.extend(positions)
        self.label_ends.append(len(self.labels))
        self._lines.append(row.line)

    def path(self, row: int) -> str:
        return decoded(self.text[self.ends[row] : self.ends[row + 1]])

    def where(self, row: int) -> str:
        """`line 17`, or the folder of the class."""
        if self._place == "folder":
            return f"folder {self.path(row).split('/')[0]}"
        return f"{self._place} {self._lines[row]}"

    def rows_with(self, positions: Collection[int]) -> IntArray:
        """Rows that have one of these entries, in order."""
        wanted = np.isin(np.frombuffer(self.labels, np.int32), np.array(sorted(positions), np.int32))
        at = np.flatnonzero(wanted)
        return np.unique(np.searchsorted(np.frombuffer(self.label_ends, np.uint32), at, side="right") - 1)

    def bounds(self) -> npt.NDArray[np.float64] | None:
        """(N, 2), NaN where a row has no segment; None where none has.

        Raises AnnotationError where nothing says whether they are frames or seconds.
        """
        if self._bounds is None:
            return None
        if self.unit is None and not self._has_decimals:
            raise AnnotationError(
                f"{self.source}: start and end are whole numbers, which may be frames or seconds; name the "
                "columns start_frame,end_frame or start_seconds,end_seconds"
            )
        self.unit = self.unit or "seconds"
        return np.frombuffer(self._bounds).reshape(-1, 2)

    def _learn(self, row: Row) -> tuple[int, ...]:
        """Positions of the classes in a label that was not seen before."""
        names = [normal(part.strip()) for part in row.label.split(SEPARATOR)]
        numbers = [part.strip() for part in row.label_id.split(SEPARATOR)]
        if len(names) > 1 and numbers == [""]:
            numbers = [""] * len(names)
        where = f"{self.source}, {self._place} {row.line}"
        if len(names) != len(numbers) or not all(names):
            raise AnnotationError(
                f"{where}: label {row.label!r}, label_id {row.label_id!r}; expected as many, none empty"
            )
        self.is_multi_label |= len(names) > 1
        positions = []
        for entry in map(Entry, names, numbers):
            if entry not in self._position:
                if len(self.entries) == MAX_CLASSES:
                    raise AnnotationError(f"{where}: more than {MAX_CLASSES:,} different classes")
                self._position[entry] = len(self.entries)
                self.entries.append(entry)
            positions.append(self._position[entry])
        return tuple(dict.fromkeys(positions))

    def _add_segment(self, row: Row) -> None:
        if self._bounds is None:
            self._bounds = array("d", [math.nan]) * (2 * len(self))
        self._bounds.extend(self._parse_segment(row))
        self._has_decimals |= "." in row.start or "." in row.stop

    def _parse_segment(self, row: Row) -> tuple[float, float]:
        if not (row.start or row.stop):
            return math.nan, math.nan
        try:
            start, stop = float(row.start), float(row.stop)
        except ValueError:
            start = stop = math.nan
        is_whole = self.unit != "frames" or (start.is_integer() and stop.is_integer())
        if not (0 <= start < stop < math.inf and is_whole):
            kind = "whole numbers of frames" if self.unit == "frames" else "numbers"
            raise AnnotationError(
                f"{self.source}, {self._place} {row.line}: start {row.start!r}, end {row.stop!r}; "
                f"expected {kind} with 0 <= start < end"
            )
        return start, stop


def read_table(source: Path, listing: Listing, split: str) -> Table:
    """All rows of the split. Raises AnnotationError."""
    if split and not listing.has_splits:
        raise AnnotationError(f"{source}#{split}: the source names no splits; expected a column split")
    rows = rows_of_split(source, listing.rows, split) if listing.has_splits else listing.rows
    table = Table(source, listing)
    for row in rows:
        table.add(row)
    return table


def first_rows(rows: IntArray) -> list[int]:
    """As many as a message shows."""
    first: list[int] = rows[:_NUM_SHOWN].tolist()
    return first
