"""The same video in several rows: worth a word, a contradiction, or the classes of a multi-label video."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from videoswin.data.rows import some
from videoswin.data.samples import Columns, Samples, full_path
from videoswin.data.sampling import IntArray
from videoswin.data.segments import Segment
from videoswin.data.table import Table
from videoswin.errors import AnnotationError

_log = logging.getLogger(__name__)


def merge_repeats(
    table: Table, columns: Columns, hashes: npt.NDArray[np.int64], *, is_merging: bool
) -> Samples:
    """The rows as samples. Rows repeat each other where file and segment are the same; several segments of a
    file are no repeats.

    hashes: of the file of each row, see `check_files`. is_merging: repeats become one sample with all their
    classes. Otherwise a repeat is a warning, with other classes an AnnotationError.
    """
    first_of = _find_repeats(columns, hashes)
    if columns.is_multi_label:
        columns = _sorted_labels(columns)
    if is_merging and first_of:
        return _merged(columns, first_of)
    contradictions = [
        f"{table.where(first)} and {table.where(row)} {table.path(row)!r}"
        for row, first in first_of.items()
        if columns.classes(row) != columns.classes(first)
    ]
    if contradictions:
        raise AnnotationError(
            f"{table.source}: {len(contradictions)} videos have two labels: {some(contradictions)}"
        )
    if first_of:
        _log.warning("%s: %d rows repeat an earlier video", table.source, len(first_of))
    return Samples(columns)


def _find_repeats(columns: Columns, hashes: npt.NDArray[np.int64]) -> dict[int, int]:
    """The first row of the same video, for each row that repeats one; in the order of the rows."""
    keys = hashes
    if columns.bounds is not None:
        start, stop = np.nan_to_num(columns.bounds, nan=-1.0).T.copy().view(np.int64)
        keys = hashes ^ (start * np.int64(0x9E3779B97F4A7C1)) ^ (stop * np.int64(0xC2B2AE3D27D4EB4))
    order = np.argsort(keys, kind="stable")
    is_same = np.diff(keys[order]) == 0
    suspects = np.unique(np.concatenate((order[:-1][is_same], order[1:][is_same])))
    first: dict[tuple[str, Segment | None], int] = {}
    first_of: dict[int, int] = {}
    for row in suspects.tolist():
        video = (full_path(columns.base, columns.path(row)), columns.segment(row))
        earlier = first.setdefault(video, row)
        if earlier != row:
            first_of[row] = earlier
    return first_of


def _merged(columns: Columns, first_of: dict[int, int]) -> Samples:
    """One sample a video, where its first row is, with the classes of all of them."""
    classes: dict[int, set[int]] = {}
    for row, first in first_of.items():
        classes.setdefault(first, set(columns.classes(first))).update(columns.classes(row))
    num_rows = len(columns.ends) - 1
    lists = [classes.get(row) or columns.classes(row) for row in range(num_rows)]
    rows: IntArray = np.delete(np.arange(num_rows), list(first_of))
    return Samples(_with_labels(columns, [tuple(sorted(labels)) for labels in lists]), rows)


def _sorted_labels(columns: Columns) -> Columns:
    num_rows = len(columns.ends) - 1
    return _with_labels(columns, [tuple(sorted(set(columns.classes(row)))) for row in range(num_rows)])


def _with_labels(columns: Columns, lists: list[tuple[int, ...]]) -> Columns:
    counts = np.fromiter(map(len, lists), np.uint32, len(lists))
    flat = np.fromiter((label for labels in lists for label in labels), np.int32, int(counts.sum()))
    ends = np.concatenate((np.zeros(1, np.uint32), np.cumsum(counts, dtype=np.uint32)))
    return replace(columns, labels=flat, label_ends=ends)
