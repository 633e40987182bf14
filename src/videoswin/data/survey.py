"""Read many files in parallel and keep a ledger: what is known of a file that has not changed is not read
again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from videoswin.data.check import CheckRow, identify
from videoswin.data.journal import Journal
from videoswin.data.parquet import read_parquet, require_pyarrow, write_parquet
from videoswin.data.pool import Lost, run_tasks

_PARQUET = ".parquet"


class CheckLedger:
    """The rows of `data check`: a CSV file, or Parquet where its name ends so."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError where pyarrow is missing for a Parquet file."""
        self.path = path
        self._is_parquet = path.suffix.lower() == _PARQUET
        if self._is_parquet:
            require_pyarrow(path)  # now, not when all files have been read
        # A Parquet file can't grow by a row, so until the end its rows are beside it.
        beside = path.with_name(f"{path.name}.partial.csv") if self._is_parquet else path
        self._journal = Journal(beside, CheckRow)

    def read(self) -> list[CheckRow]:
        """Raises AnnotationError for a file that is no ledger, ConfigError where pyarrow is missing."""
        rows = self._journal.read()
        if self._is_parquet and self.path.exists():
            header, records = read_parquet(self.path)
            where = f"{self.path}, row"
            rows[:0] = [self._journal.parse(header, values, f"{where} {line}") for line, values in records]
        return rows

    def append(self, row: CheckRow) -> None:
        """Raises StorageError."""
        self._journal.append(row)

    def finish(self, rows: Sequence[CheckRow]) -> None:
        """Write the file in this order. Raises StorageError."""
        if not self._is_parquet:
            self._journal.rewrite(rows)
            return
        write_parquet(self.path, CheckRow, rows)
        self._journal.path.unlink(missing_ok=True)


def survey(
    files: Sequence[str],
    read: Callable[[str], CheckRow],
    *,
    ledger: CheckLedger | None,
    num_workers: int,
    timeout_seconds: float = 0.0,
) -> Iterator[CheckRow]:
    """The row of every file, as it is known; those that the ledger knows come first.

    A file is known by its name, size and time of change. One whose reading kills its process is refused (row
    V36). At the end the ledger is put in the order of the files, followed by what else was in it.
    """
    recorded = [] if ledger is None else ledger.read()
    rows = known_rows(files, recorded)
    yield from rows.values()
    rest = [file for file in files if file not in rows]
    for file, found in run_tasks(read, rest, num_workers=num_workers, timeout_seconds=timeout_seconds):
        rows[file] = _lost(file, found) if isinstance(found, Lost) else found
        if ledger is not None:
            ledger.append(rows[file])
        yield rows[file]
    if ledger is not None:
        listed = {_text(file) for file in files}
        others = {_text(row.path): row for row in recorded if _text(row.path) not in listed}
        ledger.finish([rows[file] for file in files] + list(others.values()))


def known_rows(files: Sequence[str], recorded: Iterable[CheckRow]) -> dict[str, CheckRow]:
    """Of the files that have not changed since, the row recorded last."""
    known = {_identity(row): row for row in recorded if row.size_bytes is not None}
    found = ((file, known.get((_text(file), *identify(file)))) for file in files)
    return {file: replace(row, path=file) for file, row in found if row is not None}


def count_verdicts(rows: Sequence[CheckRow]) -> dict[str, int]:
    """How many rows have each verdict."""
    counts = Counter(row.verdict for row in rows)
    return {"ok": counts["ok"], "degraded": counts["degraded"], "refused": counts["refused"]}


def _identity(row: CheckRow) -> tuple[str, int | None, int | None]:
    return _text(row.path), row.size_bytes, row.mtime_ns


def _text(path: str) -> str:
    """A name as Parquet can hold it, which must be Unicode."""
    return path.encode("utf-8", "backslashreplace").decode()


def _lost(file: str, lost: Lost) -> CheckRow:
    size, changed = identify(file)
    return CheckRow(
        path=file, size_bytes=size, mtime_ns=changed, verdict="refused", code="V36", reason=lost.reason
    )
