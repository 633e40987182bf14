"""Labelled videos in columns: ten million of them take less than a GiB, and loader workers share them.

A list of objects would take several times that, and every worker process would copy it as it counts
references. A `Sample` is made when it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from videoswin.data.sampling import IntArray
from videoswin.data.segments import Segment, Unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One labelled video, or segment of one."""

    path: str
    """As listed."""
    file: Path
    """Where it is."""
    label: int
    """Its class; of a multi-label video the first."""
    labels: tuple[int, ...] = ()
    """All classes of a multi-label video, in ascending order; empty in data with one class a video."""
    segment: Segment | None = None
    """The part of the video that the label is of; None: all of it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Columns:
    """The samples of a source. Row i of N is text[ends[i]:ends[i + 1]] with the classes
    labels[label_ends[i]:label_ends[i + 1]]."""

    base: str
    """Absolute folder that relative paths start from."""
    text: bytes | bytearray
    """All paths, `encoded`, one after the other."""
    ends: npt.NDArray[np.int64]
    """(N + 1,)."""
    labels: npt.NDArray[np.int32]
    label_ends: npt.NDArray[np.uint32]
    """(N + 1,)."""
    bounds: npt.NDArray[np.float64] | None
    """(N, 2) start and stop of segments, NaN in rows without; None: no row has one."""
    unit: Unit
    """Of `bounds`."""
    is_multi_label: bool

    def path(self, row: int) -> str:
        return decoded(self.text[self.ends[row] : self.ends[row + 1]])

    def segment(self, row: int) -> Segment | None:
        if self.bounds is None or np.isnan(self.bounds[row, 0]):
            return None
        start, stop = self.bounds[row].tolist()
        return Segment(start=start, stop=stop, unit=self.unit)

    def classes(self, row: int) -> tuple[int, ...]:
        return tuple(self.labels[self.label_ends[row] : self.label_ends[row + 1]].tolist())

    def sample(self, row: int) -> Sample:
        path, classes = self.path(row), self.classes(row)
        return Sample(
            path=path,
            file=Path(full_path(self.base, path)),
            label=classes[0],
            labels=classes if self.is_multi_label else (),
            segment=self.segment(row),
        )


class Samples(Sequence[Sample]):
    """Some rows of the columns, in any order. Equal to any sequence of the same samples."""

    def __init__(self, columns: Columns, rows: IntArray | None = None) -> None:
        """rows: which; None is all."""
        self.columns = columns
        self.rows = rows

    def __len__(self) -> int:
        return len(self.columns.ends) - 1 if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: int | slice) -> Sample | Samples:
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        index %= len(self)
        return self.columns.sample(index if self.rows is None else int(self.rows[index]))

    def __iter__(self) -> Iterator[Sample]:
        return map(self.columns.sample, range(len(self)) if self.rows is None else self.rows.tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as of a list: it is compared by its content

    def __repr__(self) -> str:
        return f"Samples({len(self)})"

    def select(self, indices: IntArray) -> Samples:
        """Those at `indices`, sharing the columns."""
        return Samples(self.columns, indices if self.rows is None else self.rows[indices])


def select(samples: Sequence[Sample], indices: IntArray) -> Sequence[Sample]:
    """The samples at `indices`, in that order."""
    if isinstance(samples, Samples):
        return samples.select(indices)
    return tuple(samples[index] for index in indices.tolist())


def label_array(samples: Sequence[Sample]) -> IntArray:
    """(N,) class of each sample, of a multi-label one the first."""
    if isinstance(samples, Samples):
        columns = samples.columns
        labels = columns.labels[columns.label_ends[:-1]].astype(np.int64)
        return labels if samples.rows is None else labels[samples.rows]
    return np.array([sample.label for sample in samples], dtype=np.int64)


def segment_classes(samples: Iterable[Sample]) -> Iterator[tuple[Sample, tuple[int, ...]]]:
    """Each sample with all its classes, one or several."""
    for sample in samples:
        yield sample, sample.labels or (sample.label,)


def encoded(path: str) -> bytes:
    """As UTF-8 that keeps what is none: the odd bytes of a file name, the half characters of a JSON text."""
    return path.encode("utf-8", "surrogatepass")


def decoded(content: bytes | bytearray) -> str:
    return content.decode("utf-8", "surrogatepass")


def full_path(base: str, path: str) -> str:
    """`path`, if it is relative, below the absolute `base`; without `.`, `..` and double slashes."""
    if is_plain(path):
        return f"{base}/{path}" if base != "/" else f"/{path}"
    return os.path.normpath(os.path.join(base, path))


def is_plain(path: str) -> bool:
    """Whether it is relative and there is nothing to normalise in it. Hidden folders count as not plain."""
    return not (path[:1] in ("/", ".", "") or path[-1] == "/" or "/." in path or "//" in path)
