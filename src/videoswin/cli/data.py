"""`videoswin data check FILE...`: can these videos be used, and if not, why."""

from __future__ import annotations

import dataclasses
import json as json_format
import sys
from typing import TYPE_CHECKING

from videoswin.cli.parse import call
from videoswin.errors import ConfigError, printable

if TYPE_CHECKING:
    from videoswin.data.check import CheckRow

_UNBOUNDED = 10_000  # columns where no terminal bounds the line: one line a file, however long its name

_USAGE = "usage: videoswin data check FILE... [--json]\n\n`videoswin data check --help` explains the options."


def main(arguments: list[str]) -> int:
    """Exit code of `videoswin data ...`."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(_USAGE)
        return 0
    if arguments[:1] != ["check"]:
        given = repr(arguments[0]) if arguments else "nothing"
        raise ConfigError(f"videoswin data: given {given}; allowed: check")
    return call(check, arguments[1:], prog="videoswin data check")


def check(files: list[str], json: bool = False) -> int:
    """Decode each video from the first picture to the last and say what it is and whether it can be used.

    The exit code is 0, or 3 when a file is refused. A file is "degraded" when it can be used, but not
    all pictures that it holds or declares can be decoded.

    Args:
        files: Video files.
        json: Print one JSON object a line instead of a table.
    """
    from rich.console import Console
    from rich.progress import Progress

    from videoswin.data.check import check_file

    rows = []
    with Progress(
        console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True, redirect_stdout=False
    ) as progress:
        for file in progress.track(files, description="checking"):
            row = check_file(file)
            if json:
                print(json_format.dumps(dataclasses.asdict(row)), flush=True)
            rows.append(row)
    if not json:
        _print_table(rows)
    return 3 if any(row.verdict == "refused" for row in rows) else 0


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
