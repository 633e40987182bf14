"""`videoswin data stats SOURCE`: what a data set consists of."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from videoswin.cli.data.progress import follow
from videoswin.cli.parse import call
from videoswin.errors import ConfigError, DatasetError, printable

if TYPE_CHECKING:
    from videoswin.data.check import CheckRow
    from videoswin.data.stats import Statistics

_MAX_LINES = 20  # of each table; the JSON has all


def main(arguments: list[str]) -> int:
    return call(stats, arguments, prog="videoswin data stats")


def stats(
    source: str,
    root: str = "",
    ledger: str = "",
    output: str = "",
    num_workers: int = 0,
    json: bool = False,
) -> int:
    """Count classes, durations, sizes and frame rates of a data set.

    Reads the header and the first picture of each video; what a ledger of `videoswin data check` knows is not
    read. The exit code is 0, or 3 when videos can't be used.

    Args:
        source: Folder with one folder of videos a class, any other folder of videos, list, table or shards.
        root: Folder that relative paths of a list start from. Empty: the folder of the list.
        ledger: Table that `videoswin data check --ledger` wrote. Empty: none.
        output: Picture to write, a PNG file. Empty: none.
        num_workers: Processes that read. 0: one a CPU core.
        json: Print one JSON object instead of tables.
    """
    from videoswin.data.inputs import read_source
    from videoswin.data.stats import as_json, summarize
    from videoswin.data.stats_picture import draw_statistics
    from videoswin.packages import require
    from videoswin.storage import write_atomically

    if output:
        require(("matplotlib",), purpose="the picture of the statistics", extra="plot")
    if num_workers < 0:
        raise ConfigError(f"num_workers is {num_workers}; allowed: 0 or more")
    videos = read_source(source, root=root or None)
    if not videos.files:
        raise DatasetError(f"{source}: no videos")
    statistics = summarize(_rows(videos.files, ledger, num_workers), videos.annotations)
    if output:
        write_atomically(Path(output), draw_statistics(statistics, title=source))
    if json:
        print(json_format.dumps(as_json(statistics)))
    else:
        _print_tables(statistics)
    return 3 if statistics.num_bad else 0


def _rows(files: Sequence[str], ledger: str, num_workers: int) -> list[CheckRow]:
    """Of each file, in order: from the ledger or from its header."""
    from videoswin.data.check import describe_file
    from videoswin.data.pool import default_num_workers
    from videoswin.data.survey import CheckLedger, known_rows, survey

    rows = known_rows(files, CheckLedger(Path(ledger)).read()) if ledger else {}
    rest = [file for file in files if file not in rows]
    found = survey(rest, describe_file, ledger=None, num_workers=num_workers or default_num_workers())
    kinds = ("ok", "refused")
    for row in follow(found, total=len(rest), what="reading", kind_of=lambda row: row.verdict, kinds=kinds):
        rows[row.path] = row
    return [rows[file] for file in files]


def _print_tables(statistics: Statistics) -> None:
    from rich.console import Console

    from videoswin.data.stats import percentiles

    console = Console(highlight=False)
    hours = statistics.total_seconds / 3600
    samples = f", {statistics.num_samples} labelled samples" if statistics.num_samples else ""
    console.print(f"{statistics.num_videos} videos{samples}, {hours:.2f} hours", markup=False)
    for what, values in (("seconds", statistics.seconds), ("frames", statistics.num_frames)):
        found = "  ".join(f"{name} {value:g}" for name, value in percentiles(values).items())
        console.print(f"{what}: {found or 'not known'}", markup=False)
    most_first = dict(sorted(statistics.classes.items(), key=lambda item: -item[1]))
    _print_counts(console, f"class ({len(most_first)})", most_first)
    _print_counts(console, "size", statistics.sizes)
    _print_counts(console, "frames per second", statistics.frame_rates)
    _print_counts(console, "format", statistics.formats)
    console.print(f"bad {statistics.num_bad} of {statistics.num_videos}", markup=False)


def _print_counts(console: object, heading: str, counts: Mapping[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    assert isinstance(console, Console)
    if not counts:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(heading)
    table.add_column("count", justify="right")
    for name, count in list(counts.items())[:_MAX_LINES]:
        table.add_row(Text(printable(name)), str(count))
    if len(counts) > _MAX_LINES:
        rest = sum(list(counts.values())[_MAX_LINES:])
        table.add_row(f"... {len(counts) - _MAX_LINES} more", str(rest))
    console.print(table)
