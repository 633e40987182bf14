"""The bar of everything that reads many files: how many, of which kind, and how long it will take."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Row = TypeVar("_Row")


def follow(
    rows: Iterable[_Row], *, total: int, what: str, kind_of: Callable[[_Row], str], kinds: tuple[str, ...]
) -> Iterator[_Row]:
    """The same rows, counted by kind in a bar on the terminal; silent where there is none."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    counts: Counter[str] = Counter()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, disable=not sys.stderr.isatty(), transient=True, redirect_stdout=False
    ) as progress:
        task = progress.add_task(what, total=total, counts="")
        for row in rows:
            counts[kind_of(row)] += 1
            progress.update(task, advance=1, counts="  ".join(f"{kind} {counts[kind]}" for kind in kinds))
            yield row
