"""Rows of the Kinetics tables (label, youtube_id, time_start, time_end, split) and the files they mean."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from videoswin.data.fields import position
from videoswin.data.locate import Finder
from videoswin.data.rows import Record, Row
from videoswin.data.splits import canonical_split
from videoswin.errors import AnnotationError


class KineticsFields(NamedTuple):
    """Positions of the columns."""

    label: int
    youtube_id: int
    time_start: int
    time_end: int
    split: int | None


def find_kinetics(file: Path, header: Sequence[str]) -> KineticsFields | None:
    """None for another table. Raises AnnotationError for the lists without classes that come with the test
    videos."""
    label, *times = (position(header, (name,)) for name in ("label", "youtube_id", "time_start", "time_end"))
    if None in times:
        return None
    if label is None:
        raise AnnotationError(
            f"{file}, line 1: columns {','.join(header)}; a Kinetics table without the column label names no "
            "classes, so it can be neither trained nor evaluated on"
        )
    youtube_id, start, end = (at for at in times if at is not None)
    return KineticsFields(label, youtube_id, start, end, position(header, ("split",)))


def kinetics_rows(
    file: Path, place: str, fields: KineticsFields, records: Iterator[Record], root: str | os.PathLike[str]
) -> Iterator[Row]:
    """A row a video, with the path below `root` at which it was found, else the usual one.

    `ID_SSSSSS_EEEEEE.mp4` (whole seconds) or `ID.mp4`, with any ending of a video; in the root or in a folder
    named as the class (spaces may be underscores), as the split, or both. The files hold the ten seconds
    alone, so the times are no segment. Raises AnnotationError for a row without id or class, and for times
    that are none.
    """
    finder = Finder(root)
    for line, values in records:
        youtube_id, label = values[fields.youtube_id].strip(), values[fields.label].strip()
        where = f"{file}, {place} {line}"
        if not (youtube_id and label):
            raise AnnotationError(f"{where}: youtube_id {youtube_id!r}, label {label!r}; expected both")
        start, end = (_seconds(where, values[at]) for at in (fields.time_start, fields.time_end))
        split = "" if fields.split is None else values[fields.split].strip()
        stem = f"{youtube_id}_{start:06d}_{end:06d}"
        path = finder.find(_folders(label, split), (stem, youtube_id))
        yield Row(line, path or f"{stem}.mp4", label, "", split)


def _folders(label: str, split: str) -> list[str]:
    """Where the video may be, relative to the root."""
    classes = (label, label.replace(" ", "_"))
    outer = [""]
    if split:
        outer += dict.fromkeys((split, canonical_split(split)))
    return [
        "/".join(part for part in (folder, name) if part)
        for folder in outer
        for name in ("", *dict.fromkeys(classes))
    ]


def _seconds(where: str, text: str) -> int:
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        raise AnnotationError(f"{where}: {text.strip()!r}; expected a time in seconds") from error
