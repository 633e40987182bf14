"""`videoswin data check FILE...`: can these videos be used, and if not, why."""

from __future__ import annotations

import dataclasses
import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from videoswin.cli.data.progress import follow
from videoswin.cli.parse import call
from videoswin.errors import ConfigError, printable

if TYPE_CHECKING:
    from videoswin.data.check import CheckRow

_UNBOUNDED = 10_000  # columns where no terminal bounds the line: one line a file, however long its name
_MAX_LISTED = 40  # files up to which all are listed, not the bad ones alone
_MIN_BAD = 10  # as in training: a few bad files make no data set unusable


def main(arguments: list[str]) -> int:
    return call(check, arguments, prog="videoswin data check")


def check(
    files: list[str],
    ledger: str = "",
    root: str = "",
    num_workers: int = 0,
    timeout_seconds: float = 3600.0,
    max_bad_fraction: float = 0.01,
    json: bool = False,
) -> int:
    """Decode each video from the first picture to the last and say what it is and whether it can be used.

    A file is "degraded" when it can be used, but not all pictures that it holds or declares can be decoded.
    The exit code is 0; 3 when files are refused; 5 when the data set is unusable: nothing in a folder or list
    can be used, or at least 10 files and more than --max_bad_fraction of all are refused. Of more than 40
    files only those that are not ok are printed.

    Args:
        files: Video files, folders to search for videos, lists and tables of videos, shards.
        ledger: Table to write a row for each file to, as it is known: CSV, or Parquet if the name ends in
            .parquet. Files that are in it and have not changed are not read again. Empty: none.
        root: Folder that relative paths of lists start from. Empty: the folder of the list.
        num_workers: Processes that read. 0: one a CPU core.
        timeout_seconds: Time one file may take; 0: any.
        max_bad_fraction: Share of refused files above which the exit code is 5.
        json: Print one JSON object a line instead of a table.
    """
    from videoswin.data.check import check_file
    from videoswin.data.inputs import read_source
    from videoswin.data.pool import default_num_workers
    from videoswin.data.survey import CheckLedger, count_verdicts, survey

    _require_share(max_bad_fraction, num_workers)
    sources = [read_source(name, root=_root_for(name, root)) for name in files]
    listed = list(dict.fromkeys(file for source in sources for file in source.files))
    found = survey(
        listed,
        check_file,
        ledger=CheckLedger(Path(ledger)) if ledger else None,
        num_workers=num_workers or default_num_workers(),
        timeout_seconds=timeout_seconds,
    )
    kinds = ("ok", "degraded", "refused")
    rows = {
        row.path: row
        for row in follow(
            found, total=len(listed), what="checking", kind_of=lambda row: row.verdict, kinds=kinds
        )
    }
    _print_rows([rows[file] for file in listed], is_json=json)
    num_bad = count_verdicts(list(rows.values()))["refused"]
    noted = f" (listed in {printable(ledger)})" if ledger else ""
    print(f"bad {num_bad} of {len(listed)}{noted}", file=sys.stderr if json else sys.stdout)
    is_data_set = not all(source.is_single_file for source in sources)
    return _exit_code(num_bad, len(listed), max_bad_fraction, is_data_set=is_data_set)


def _root_for(name: str, root: str) -> str | None:
    return root if root and not Path(name).is_dir() else None


def _require_share(max_bad_fraction: float, num_workers: int) -> None:
    if not 0 <= max_bad_fraction <= 1:
        raise ConfigError(f"max_bad_fraction is {max_bad_fraction}; allowed: 0 to 1")
    if num_workers < 0:
        raise ConfigError(f"num_workers is {num_workers}; allowed: 0 or more")


def _exit_code(num_bad: int, num_files: int, max_bad_fraction: float, *, is_data_set: bool) -> int:
    is_above = num_bad >= _MIN_BAD and num_bad > max_bad_fraction * num_files
    if is_above or (is_data_set and num_bad == num_files):
        return 5
    return 3 if num_bad else 0


def _print_rows(rows: list[CheckRow], *, is_json: bool) -> None:
    if is_json:
        for row in rows:
            print(json_format.dumps(dataclasses.asdict(row)))
        return
    shown = rows if len(rows) <= _MAX_LISTED else [row for row in rows if row.verdict != "ok"]
    if shown:
        _print_table(shown)


def _print_table(rows: list[CheckRow]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("file", "container", "codec", "declared", "decoded", "size", "fps", "verdict", "reason"):
        table.add_column(heading, justify="right" if heading in ("declared", "decoded", "fps") else "left")
    colours = {"ok": "green", "degraded": "yellow", "refused": "red"}
    for row in rows:
        cells = [Text(cell) for cell in _cells(row)]  # a plain string would be read as markup
        cells[-2].stylize(colours[row.verdict])
        table.add_row(*cells)
    Console(width=None if sys.stdout.isatty() else _UNBOUNDED).print(table)


def _cells(row: CheckRow) -> list[str]:
    size = "" if row.width is None else f"{row.width}x{row.height}"
    rate = "" if row.frames_per_second is None else f"{row.frames_per_second:.6g}"
    numbers = ["" if n is None else str(n) for n in (row.declared_frames, row.decoded_frames)]
    reason = f"[{row.code}] {row.reason}" if row.code else ""
    return [
        printable(row.path),
        row.container or "",
        row.codec or "",
        *numbers,
        size,
        rate,
        row.verdict,
        reason,
    ]
