"""What `videoswin verify` found, for people or as JSON."""

from __future__ import annotations

import dataclasses
import json as json_format
from collections.abc import Sequence
from typing import TYPE_CHECKING

from videoswin.errors import printable

if TYPE_CHECKING:
    from videoswin.verify.outcome import Check

_STYLES = {"kept": "green", "broken": "bold red", "not tried": "yellow"}


def print_checks(checks: Sequence[Check], *, json: bool) -> int:
    """A table of what was done, whether the promise was kept, and the numbers; or one JSON object.

    Returns the exit code: 0, or 1 if one was broken.
    """
    is_kept = all(check.result != "broken" for check in checks)
    if json:
        rows = [dataclasses.asdict(check) for check in checks]
        print(json_format.dumps({"is_kept": is_kept, "checks": rows}))
    else:
        _print_table(checks)
    return 0 if is_kept else 1


def _print_table(checks: Sequence[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("what", "result"):
        table.add_column(title, no_wrap=True)
    table.add_column("numbers", overflow="fold")
    for check in checks:
        result = Text(check.result, style=_STYLES[check.result])
        table.add_row(Text(check.what), result, Text(printable(check.numbers)))
    Console(highlight=False).print(table)
