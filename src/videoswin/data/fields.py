"""Which column of a table is the video, which its class: told by their usual names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from videoswin.data.rows import Record, Row
from videoswin.data.segments import Unit
from videoswin.errors import AnnotationError

# Of several columns the first named here counts.
_PATHS = ("path", "file", "video", "filename", "file_name", "filepath", "video_path", "video_file")
_LABELS = ("label", "class", "category", "action", "labels", "class_name", "label_name")
_NUMBERS = ("label_id", "class_id")
_SEGMENTS: tuple[tuple[str, str, Unit | None], ...] = (
    ("start_frame", "end_frame", "frames"),
    ("start_frames", "end_frames", "frames"),
    ("start_seconds", "end_seconds", "seconds"),
    ("start_sec", "end_sec", "seconds"),
    ("start_time", "end_time", "seconds"),
    ("start", "end", None),
)
EXPECTED = (
    "expected a video (path, file, video or filename) and its class (label, class, category or action), or "
    "Kinetics' youtube_id, time_start, time_end and label"
)


class Fields(NamedTuple):
    """Positions of the columns; None where there is none."""

    path: int
    label: int
    label_id: int | None
    split: int | None
    start: int | None
    stop: int | None
    unit: Unit | None
    """Of start and stop; None: their names do not say it."""


def position(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Where the first of `names` that is a column stands; upper case and spaces around do not count."""
    columns = [column.strip().lower() for column in header]
    return next((columns.index(name) for name in names if name in columns), None)


def find_fields(header: Sequence[str]) -> Fields | None:
    """None where there is no column of videos or none of classes."""
    path = position(header, _PATHS)
    number = position(header, _NUMBERS)
    label = position(header, _LABELS)
    if path is None or (label is None and number is None):
        return None
    start, stop, unit = _find_segment(header)
    return Fields(
        path=path,
        label=label if label is not None else number or 0,
        label_id=number if label is not None else None,
        split=position(header, ("split",)),
        start=start,
        stop=stop,
        unit=unit,
    )


def rows_of(file: Path, place: str, fields: Fields, records: Iterator[Record]) -> Iterator[Row]:
    """Raises AnnotationError for a row without video or class."""
    path_at, label_at, number_at, split_at, start_at, stop_at, _ = fields
    for line, values in records:
        path, label = values[path_at].strip(), values[label_at].strip()
        if not (path and label):
            raise AnnotationError(f"{file}, {place} {line}: path {path!r}, label {label!r}; expected both")
        yield Row(
            line,
            path,
            label,
            "" if number_at is None else values[number_at].strip(),
            "" if split_at is None else values[split_at].strip(),
            "" if start_at is None else values[start_at].strip(),
            "" if stop_at is None else values[stop_at].strip(),
        )


def _find_segment(header: Sequence[str]) -> tuple[int | None, int | None, Unit | None]:
    for first, last, unit in _SEGMENTS:
        start, stop = position(header, (first,)), position(header, (last,))
        if start is not None and stop is not None:
            return start, stop, unit
    return None, None, None
