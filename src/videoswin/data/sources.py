"""Any source of labelled videos as rows. Its kind is told by its content, not by its name."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from videoswin.data.fields import EXPECTED, find_fields, rows_of
from videoswin.data.kinetics import find_kinetics, kinetics_rows
from videoswin.data.label_map import parse_json
from videoswin.data.parquet import MAGIC, as_text, read_parquet
from videoswin.data.rows import (
    Listing,
    Record,
    read_csv_records,
    read_folder,
    read_head,
    read_pairs,
    read_text_lines,
)
from videoswin.data.shard_rows import read_shards
from videoswin.data.something import read_something
from videoswin.data.tar import EXTENSION, LIST_NAME, is_index
from videoswin.errors import AnnotationError

_DELIMITERS = (",", "\t", ";")
_TABLE_ENDINGS = (".csv", ".tsv")


def read_listing(source: Path, root: str | os.PathLike[str]) -> Listing:
    """The rows of a folder per class, a list, a table, a JSON list, shards or a folder of them.

    root: where files for ids are looked for. Raises AnnotationError, at once or as the rows are read.
    """
    if is_index(source):
        return read_listing(source / LIST_NAME, root)
    if source.name.endswith(EXTENSION):
        return Listing(rows=read_shards(str(source)), place="video")
    if source.is_dir():
        return Listing(rows=read_folder(source), place="folder")
    head = read_head(source)
    if head.startswith(MAGIC):
        header, records = read_parquet(source)
        return _table(source, "row", header, records, root)
    if re.match(rb"(\xef\xbb\xbf)?\s*(\[\s*[{\]]|\{\s*[\"}])", head):
        return _json(source, root)
    found = _find_header(source)
    if found is None:
        return Listing(rows=read_pairs(source))
    delimiter, header = found
    return _table(source, "line", header, read_csv_records(source, delimiter=delimiter, header=header), root)


def _find_header(source: Path) -> tuple[str, list[str]] | None:
    """(delimiter, columns) of a table; None for a text with `path label` a line.

    Raises AnnotationError for a .csv or .tsv whose columns are none that we know.
    """
    first = next(read_text_lines(source), "")
    headers = {delimiter: _split_header(first, delimiter) for delimiter in _DELIMITERS}
    for delimiter, header in headers.items():
        if find_fields(header) or find_kinetics(source, header):
            return delimiter, header
    widest = max(headers.values(), key=len)
    if source.suffix.lower() in _TABLE_ENDINGS and len(widest) > 1:
        raise AnnotationError(f"{source}, line 1: columns {','.join(widest)}; {EXPECTED}")
    return None


def _split_header(line: str, delimiter: str) -> list[str]:
    try:
        columns = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a stray carriage return: no table
        columns = []
    return [column.strip() for column in columns]


def _table(
    source: Path, place: str, header: Sequence[str], records: Iterator[Record], root: str | os.PathLike[str]
) -> Listing:
    fields = find_fields(header)
    if fields is not None:
        rows = rows_of(source, place, fields, records)
        return Listing(rows=rows, place=place, unit=fields.unit, has_splits=fields.split is not None)
    kinetics = find_kinetics(source, header)
    if kinetics is None:
        raise AnnotationError(f"{source}: columns {','.join(header)}; {EXPECTED}")
    rows = kinetics_rows(source, place, kinetics, records, root)
    return Listing(rows=rows, place=place, has_splits=kinetics.split is not None)


def _json(source: Path, root: str | os.PathLike[str]) -> Listing:
    """A JSON list of Something-Something, or JSON Lines: an object a line, its keys being the columns."""
    first = next(line for line in read_text_lines(source) if line.strip())
    try:
        entry = json.loads(first)
    except (json.JSONDecodeError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        return read_something(source, root)
    header = list(entry)
    return _table(source, "line", header, _json_records(source, header), root)


def _json_records(source: Path, header: Sequence[str]) -> Iterator[Record]:
    for number, line in enumerate(read_text_lines(source), start=1):
        if not line.strip():
            continue
        try:
            entry = parse_json(source, line)
        except AnnotationError as error:
            raise AnnotationError(f"{source}, line {number}: not a JSON object") from error
        if not isinstance(entry, dict):
            raise AnnotationError(f"{source}, line {number}: {line.strip()[:80]!r}; expected a JSON object")
        yield number, [as_text(entry.get(key)) for key in header]
