"""A table that grows by a row at a time and survives being stopped: the ledger of `data check`, the manifest
of `data prepare`.

Rows are appended to a CSV file as they are known. A run that is killed leaves at most one torn row at the
end, which is dropped when the file is read again. When all is done the file is written once more, in order.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from videoswin.errors import AnnotationError, StorageError
from videoswin.storage import write_atomically

_Row = TypeVar("_Row")

_PARSERS: dict[object, Callable[[str], Any]] = {int: int, float: float, str: str}


class Journal(Generic[_Row]):
    """Rows of one dataclass whose fields are text, numbers, or numbers that may be None, in a CSV file."""

    def __init__(self, path: Path, kind: type[_Row]) -> None:
        self.path = path
        self._kind = kind
        self._columns = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        self._types = typing.get_type_hints(kind)
        self._is_whole = False

    def read(self) -> list[_Row]:
        """The rows that are there, none where there is no file. Raises AnnotationError for another table."""
        try:
            text = self.path.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AnnotationError(f"{self.path}: can't be read: {error.strerror}") from error
        lines = csv.reader(io.StringIO(_whole_rows(text), newline=""))
        header = next(lines, None)
        if header is None:
            return []
        return [self.parse(header, fields, f"{self.path}, line {lines.line_num}") for fields in lines]

    def append(self, row: _Row) -> None:
        """Add a row now; the first also writes the header. Raises StorageError."""
        try:
            with self.path.open("a+b") as file:
                start = "" if self._cut_torn_row(file) else self._line(self._columns)
                file.write((start + self._line(self._values(row))).encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}") from error

    def rewrite(self, rows: Iterable[_Row]) -> None:
        """Replace the file by these rows. Raises StorageError."""
        text = self._line(self._columns) + "".join(self._line(self._values(row)) for row in rows)
        write_atomically(self.path, text.encode("utf-8", "surrogateescape"))

    def _cut_torn_row(self, file: typing.BinaryIO) -> bool:
        """Whether the file has rows already. What an earlier run left torn is cut off the first time."""
        if not self._is_whole:
            file.seek(0)
            text = file.read().decode("utf-8", "surrogateescape")
            file.truncate(len(_whole_rows(text).encode("utf-8", "surrogateescape")))
            self._is_whole = True
        return file.seek(0, os.SEEK_END) > 0

    def _values(self, row: _Row) -> list[str]:
        values = (getattr(row, name) for name in self._columns)
        return ["" if value is None else str(value) for value in values]

    def _line(self, values: list[str]) -> str:
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\n").writerow(values)
        return line.getvalue()

    def parse(self, header: Sequence[str], fields: Sequence[str], where: str) -> _Row:
        """A row from texts. Raises AnnotationError, naming the place, for another table or a wrong value."""
        if list(header) != self._columns or len(fields) != len(self._columns):
            expected = ",".join(self._columns)
            raise AnnotationError(f"{where}: {len(fields)} fields of {','.join(header)}; expected {expected}")
        columns = zip(self._columns, fields, strict=True)
        try:
            values = {name: _value(text, self._types[name]) for name, text in columns}
        except ValueError as error:
            raise AnnotationError(f"{where}: {error}") from error
        return self._kind(**values)


def _whole_rows(text: str) -> str:
    """The text without a row at its end that was not written to its last letter.

    A quoted field may hold line ends, so a row is whole where the quotes before it are even in number.
    """
    while text and not (text.endswith("\n") and text.count('"') % 2 == 0):
        text = text[: text.rfind("\n", 0, len(text) - 1) + 1]
    return text


def _value(text: str, hint: object) -> Any:
    """A field as its type; empty where None is allowed is None."""
    kinds = typing.get_args(hint) or (hint,)
    if not text and types.NoneType in kinds:
        return None
    return _PARSERS.get(kinds[0], str)(text)
