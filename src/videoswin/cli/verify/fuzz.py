"""`videoswin verify fuzz`: damaged clips by the thousand through the reader."""

from __future__ import annotations

import dataclasses
import json as json_format
import sys
from typing import TYPE_CHECKING

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import with_progress
from videoswin.errors import printable

if TYPE_CHECKING:
    from videoswin.verify.fuzz import Case, Summary


def main(arguments: list[str]) -> int:
    return call(fuzz, arguments, prog="videoswin verify fuzz")


def fuzz(
    count: int = 10_000,
    seed: int = 0,
    source: str = "",
    output: str = "",
    workers: int = 1,
    json: bool = False,
) -> int:
    """Damage clips in every way that disks, networks and strangers do, and read each one.

    Each is checked and a clip of it is read, in a process limited to 512 MiB and 60 s a file. The exit code
    is 0, or 1 when a file crashed the process, hung it, took too much memory, or failed with an error that
    does not name file and reason.

    Args:
        count: How many damaged clips.
        seed: Which damage; the same seed and clips give the same files.
        source: Folder of clips to damage. Not given: nine small ones of all containers, made on the spot.
        output: Folder for the files that broke something. Not given: none are kept.
        workers: Processes at once.
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.fuzz import FuzzConfig, Summary
    from videoswin.verify.fuzz import fuzz as run

    config = FuzzConfig(count=count, seed=seed, source=source, output=output, num_workers=workers)
    cases = []
    for case in with_progress(run(config), total=count, what="damaging and reading"):
        if case.is_offender:
            _print_offender(case)
        cases.append(case)
    summary = Summary.of(cases)
    if json:
        print(json_format.dumps(dataclasses.asdict(summary)))
    else:
        _print_summary(summary, count=len(cases))
    return 1 if summary.num_offenders else 0


def _print_offender(case: Case) -> None:
    where = f"clip {case.number} ({printable(case.source)}, {case.mutation})"
    print(f"broken: {where}: {printable(case.finding.problem)}", file=sys.stderr)


def _print_summary(summary: Summary, *, count: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("outcome")
    table.add_column("clips", justify="right")
    for outcome, number in summary.outcomes.items():
        table.add_row(outcome, str(number))
    console = Console(highlight=False)
    console.print(table)
    peak = summary.peak_bytes / 2**20
    console.print(
        f"{count} damaged clips, {summary.num_offenders} broke something; slowest "
        f"{summary.slowest_seconds:.1f} s, most memory for one {peak:.0f} MiB"
    )
