"""Labelled rows as a user wrote them: from a folder per class, a `path label` list or a CSV.

Nothing is compared with the disk or with other labels here; `annotations` and `labels` do that.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from videoswin.errors import AnnotationError

VIDEO_EXTENSIONS = tuple(".3gp .avi .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ts .webm".split())

_NUM_SHOWN = 5  # of many faults of a kind

_log = logging.getLogger(__name__)


class Row(NamedTuple):
    """One labelled video. `where` names the row in messages: `line 17`, or the class folder."""

    where: str
    path: str
    label: str
    """Name of the class; empty in all rows of a list that gives numbers instead."""
    label_id: str = ""
    """Number of the class as written; empty where there is none."""


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
        twin = names.setdefault(_normal(name).casefold(), name)
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
        rows += [Row(f"folder {name}", f"{name}/{file}", _normal(name)) for file in videos]
    if not rows:
        raise AnnotationError(
            f"{folder}: no class folders; expected one for each class, with its videos inside"
        )
    _log.info("%s: %d videos, %d other files left out", folder, len(rows), num_ignored)
    return rows


def read_list(file: Path) -> list[Row]:
    """A CSV whose header has `path` and `label`, or a text with `path label` a line, told apart by the first
    line.

    Raises AnnotationError naming file, line and value.
    """
    text = _read_text(file)
    header = [column.strip() for column in text.split("\n", 1)[0].split(",")]
    if {"path", "label"} <= set(header):
        return _numbers_as_ids(file, _read_csv(file, text))
    if file.suffix.lower() == ".csv" and len(header) > 1:
        raise AnnotationError(f"{file}, line 1: columns {','.join(header)}; expected at least path,label")
    return _numbers_as_ids(file, _read_lines(file, text))


def is_class_number(text: str) -> bool:
    """Whether this is a class number as a list may give it."""
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def some(items: Iterable[str]) -> str:
    """The first few of many, and how many more there are."""
    listed = list(items)
    more = f" and {len(listed) - _NUM_SHOWN} more" if len(listed) > _NUM_SHOWN else ""
    return ", ".join(listed[:_NUM_SHOWN]) + more


def _visible_names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise AnnotationError(f"{folder}: can't be listed: {error.strerror}") from error


def _normal(label: str) -> str:
    """One Unicode form for names that look the same: macOS writes accents apart, others do not."""
    return unicodedata.normalize("NFC", label)


def _read_text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{file}: can't be read: {error.strerror}") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise AnnotationError(f"{file}, line 1: the text is UTF-16; expected UTF-8")
    zero = content.find(b"\0")
    if zero >= 0:
        line = content.count(b"\n", 0, zero) + 1
        raise AnnotationError(f"{file}, line {line}: a zero byte; expected a text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise AnnotationError(f"{file}, line {line}: byte 0x{byte:02x} is not UTF-8") from error


def _read_lines(file: Path, text: str) -> list[Row]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        # The label is the last field, so a path may hold spaces.
        fields = line.rsplit(maxsplit=1)
        if len(fields) == 2:
            rows.append(Row(f"line {number}", fields[0].strip(), _normal(fields[1])))
        elif fields:
            raise AnnotationError(f"{file}, line {number}: {fields[0][:80]!r}; expected a path and a label")
    return rows


def _read_csv(file: Path, text: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        header = [column.strip() for column in next(reader)]
        for fields in reader:
            if not fields:  # an empty line
                continue
            where = f"line {reader.line_num}"
            if len(fields) != len(header):
                expected = f"expected {len(header)} as in line 1"
                raise AnnotationError(f"{file}, {where}: {len(fields)} fields; {expected}")
            values = dict(zip(header, (field.strip() for field in fields), strict=True))
            path, label = values["path"], values["label"]
            if not (path and label):
                raise AnnotationError(f"{file}, {where}: path {path!r}, label {label!r}; expected both")
            rows.append(Row(where, path, _normal(label), values.get("label_id", "")))
    except csv.Error as error:
        raise AnnotationError(f"{file}, line {reader.line_num}: {error}") from error
    return rows


def _numbers_as_ids(file: Path, rows: list[Row]) -> list[Row]:
    """Labels written as numbers are class numbers, not names, and then all of them must be."""
    if not any(_is_numeric(row.label) for row in rows):
        return rows
    wrong = [f"{row.where} {row.label!r}" for row in rows if not is_class_number(row.label)]
    if wrong:
        rule = "where one label is a number, all must be whole numbers from 0 on"
        raise AnnotationError(f"{file}: {len(wrong)} labels are not: {some(wrong)}; {rule}")
    return [row._replace(label="", label_id=row.label) for row in rows]


def _is_numeric(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
