"""Labelled rows as a user wrote them, one after the other; which kind of source it is, its content says.

Nothing is compared with other labels here, and with the disk only where a source names no files but ids;
`annotations` and `labels` do the rest.
"""

from __future__ import annotations

import csv
import logging
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from videoswin.data.segments import Unit
from videoswin.errors import AnnotationError

VIDEO_EXTENSIONS = tuple(".3gp .avi .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ts .webm".split())

_NUM_SHOWN = 5  # of many faults of a kind
_NUM_HEAD_BYTES = 65_536

_log = logging.getLogger(__name__)


class Row(NamedTuple):
    """One labelled video, as written: every value a text, empty where there is none."""

    line: int
    """Where it stands, see `Listing.place`; 0 in a folder of classes."""
    path: str
    label: str
    """Name or number of the class; several are separated by `|`."""
    label_id: str = ""
    """Number of the class beside its name."""
    split: str = ""
    start: str = ""
    """Of the segment, see `Listing.unit`."""
    stop: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The rows of a source, to be read once, and what they mean."""

    rows: Iterable[Row]
    """Raises AnnotationError naming file, line and value as it is read."""
    place: str = "line"
    """What `Row.line` counts: line, row or entry; `folder` where the folder of the class says it."""
    unit: Unit | None = None
    """Of start and stop; None: the columns do not say it."""
    has_splits: bool = False
    labels: tuple[str, ...] = ()
    """Names of the classes by number, where the source brings them."""


def read_folder(folder: Path) -> list[Row]:
    """FOLDER/CLASS/VIDEO, one level each, in the order of the names. Hidden and foreign files are left out.

    Raises AnnotationError where there is no class, a class without video, or two names that differ only in
    case or in the Unicode form (they would be one folder on another computer).
    """
    rows: list[Row] = []
    num_ignored = 0
    names: dict[str, str] = {}
    for name in _visible_names(folder):
        if not (folder / name).is_dir():
            num_ignored += 1
            continue
        twin = names.setdefault(normal(name).casefold(), name)
        if twin != name:
            raise AnnotationError(
                f"{folder}: class folders {twin!r} and {name!r} differ only in case or accents"
            )
        files = _visible_names(folder / name)
        videos = [file for file in files if file.lower().endswith(VIDEO_EXTENSIONS)]
        num_ignored += len(files) - len(videos)
        if not videos:
            known = " ".join(VIDEO_EXTENSIONS)
            raise AnnotationError(f"{folder}: class folder {name!r} holds no video file ({known})")
        rows += [Row(0, f"{name}/{file}", name) for file in videos]
    if not rows:
        raise AnnotationError(
            f"{folder}: no class folders; expected one for each class, with its videos inside"
        )
    _log.info("%s: %d videos, %d other files left out", folder, len(rows), num_ignored)
    return rows


def read_head(file: Path) -> bytes:
    """The first bytes of a source, by which its kind is told. Raises AnnotationError for no such file."""
    try:
        with file.open("rb") as stream:
            return stream.read(_NUM_HEAD_BYTES)
    except OSError as error:
        raise AnnotationError(f"{file}: can't be read: {error.strerror}") from error


def read_text_lines(file: Path) -> Iterator[str]:
    """The lines of a text, each with its end, one in memory at a time.

    Raises AnnotationError, naming the line, for what is not UTF-8.
    """
    head = read_head(file)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise AnnotationError(f"{file}, line 1: the text is UTF-16; expected UTF-8")
    if (zero := head.find(b"\0")) >= 0:  # a binary file may be one endless line
        raise AnnotationError(f"{file}, {_line_of(head, zero)}: a zero byte; expected a text")
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if b"\0" in line:
                raise AnnotationError(f"{file}, line {number}: a zero byte; expected a text")
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                raise AnnotationError(f"{file}, line {number}: byte 0x{byte:02x} is not UTF-8") from error
            yield text


def read_pairs(file: Path) -> Iterator[Row]:
    """A text with `path label` a line. The label is the last field, so a path may hold spaces.

    Raises AnnotationError naming file, line and value.
    """
    for number, line in enumerate(read_text_lines(file), start=1):
        fields = line.rsplit(maxsplit=1)
        if len(fields) == 2:
            yield Row(number, fields[0].strip(), fields[1])
        elif fields:
            raise AnnotationError(f"{file}, line {number}: {fields[0][:80]!r}; expected a path and a label")


Record = tuple[int, Sequence[str]]
"""(line, values in the order of the header)."""


def read_csv_records(file: Path, *, delimiter: str, header: Sequence[str]) -> Iterator[Record]:
    """The lines below the header of a CSV. Raises AnnotationError for another number of fields."""
    reader = csv.reader(read_text_lines(file), delimiter=delimiter, strict=True)
    num_columns = len(header)
    try:
        next(reader)
        for values in reader:
            if len(values) == num_columns:
                yield reader.line_num, values
            elif values:  # not an empty line
                expected = f"expected {num_columns} as in line 1"
                raise AnnotationError(f"{file}, line {reader.line_num}: {len(values)} fields; {expected}")
    except csv.Error as error:
        raise AnnotationError(f"{file}, line {reader.line_num}: {error}") from error


def is_class_number(text: str) -> bool:
    """Whether this is a class number as a list may give it."""
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def some(items: Iterable[str], count: int | None = None) -> str:
    """The first few of many, and how many more there are. count: of all, where `items` are the first."""
    listed = list(items)
    num_more = (len(listed) if count is None else count) - _NUM_SHOWN
    more = f" and {num_more} more" if num_more > 0 else ""
    return ", ".join(listed[:_NUM_SHOWN]) + more


def normal(label: str) -> str:
    """One Unicode form for names that look the same: macOS writes accents apart, others do not."""
    return unicodedata.normalize("NFC", label)


def _line_of(content: bytes, position: int) -> str:
    number = content.count(b"\n", 0, position) + 1
    return f"line {number}"


def _visible_names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise AnnotationError(f"{folder}: can't be listed: {error.strerror}") from error
