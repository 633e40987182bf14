from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from videoswin.data.journal import Journal
from videoswin.errors import AnnotationError, StorageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    path: str
    size: int | None = None
    seconds: float | None = None


ODD = [
    Line(path='comma, "quotes"\nand a line end', size=3, seconds=0.1),
    Line(path="latin-1 \udce9 and \u00e9", seconds=1 / 3),
    Line(path=" spaces "),
]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.csv", Line)
    assert journal.read() == []
    for line in ODD:
        journal.append(line)
    assert journal.read() == ODD
    journal.rewrite(reversed(ODD))
    assert journal.read() == ODD[::-1]


def test_a_torn_row_is_dropped_wherever_it_is_torn(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.csv", Line)
    for line in ODD:
        journal.append(line)
    whole = journal.path.read_bytes()
    for length in range(len(whole)):
        journal.path.write_bytes(whole[:length])
        later_run = Journal(journal.path, Line)
        rows = later_run.read()
        assert rows == ODD[: len(rows)]
        later_run.append(ODD[0])
        assert later_run.read() == [*rows, ODD[0]]


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("path,label\na.mp4,1\n")
    with pytest.raises(AnnotationError, match=r"a\.csv, line 2: 2 fields of path,label; expected path,size"):
        Journal(path, Line).read()
    path.write_text("path,size,seconds\na.mp4,big,\n")
    with pytest.raises(AnnotationError, match=r"a\.csv, line 2: invalid literal"):
        Journal(path, Line).read()


def test_storage(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gone" / "a.csv", Line)
    with pytest.raises(StorageError, match=r"cannot write .*a\.csv: No such file"):
        journal.append(ODD[0])
    (tmp_path / "folder").mkdir()
    with pytest.raises(AnnotationError, match="can't be read: Is a directory"):
        Journal(tmp_path / "folder", Line).read()
