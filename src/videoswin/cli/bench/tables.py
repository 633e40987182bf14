"""How `videoswin bench model` looks in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from videoswin.bench.model import Bench, BenchConfig, Result
from videoswin.bench.parts import PartTimes
from videoswin.cli.bench.sizes import size_text

COLUMNS = ("arm", "s a batch", "times faster", "lowest", "highest", "peak", "GB", "differs by")


def print_bench(config: BenchConfig, bench: Bench) -> None:
    """The machine, a table for every size and mode, the roofline, where time goes."""
    console = Console(highlight=False)
    # A cut number would be a wrong one: a narrow terminal wraps the lines instead.
    console.width = max(console.width, 100)
    console.print(Text(str(bench.machine)))
    for (size, mode), group in groupby(bench.results, key=lambda result: (result.size, result.mode)):
        results = list(group)
        title = f"{config.arms.variant}, {mode}, {config.batch_size} x {size_text(size)}"
        console.print(_table(title, results))
        profiled = {result.arm: result.parts for result in results if result.parts is not None}
        if profiled:
            console.print(_parts(title, profiled))
            console.print(*(_operators(arm, times) for arm, times in profiled.items()))
    console.print(Text(_roofline(bench)))


def _table(title: str, results: list[Result]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "arm" else "right", no_wrap=True)
    for result in results:
        table.add_row(*_row(result, results[0]))
    return table


def _row(result: Result, first: Result) -> list[str]:
    ratios = result.times_faster(first)
    faster = [f"{ratio:.2f}" for ratio in (median(ratios), min(ratios), max(ratios))]
    return [
        result.arm,
        f"{result.median:.3f}",
        *(faster if result.is_same else ["other result", "", ""]),
        f"{median(result.shares):.0%}",
        "" if result.peak_bytes is None else f"{result.peak_bytes / 1e9:.2f}",
        f"{result.difference:.1e}",
    ]


def _roofline(bench: Bench) -> str:
    peaks = ", ".join(f"{precision} {rate / 1e9:.0f} G" for precision, rate in bench.peaks.items())
    return f"peak: 2048 x 2048 matrix products in these rounds, operations a second: {peaks}"


def _parts(title: str, profiled: Mapping[str, PartTimes]) -> Table:
    """Milliseconds of every part, a column an arm; forward + backward where there is a backward pass."""
    table = Table(
        title=f"{title}: milliseconds by part, under the profiler",
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1),
        pad_edge=False,
    )
    table.add_column("part")
    for arm in profiled:
        table.add_column(arm, justify="right", no_wrap=True)
    names = dict.fromkeys(name for times in profiled.values() for name in times.parts)
    for name in names:
        table.add_row(name, *(_milliseconds(times.parts.get(name)) for times in profiled.values()))
    return table


def _milliseconds(times: tuple[float, float] | None) -> str:
    if times is None:
        return ""
    forward, backward = (1e3 * seconds for seconds in times)
    return f"{forward:.1f} + {backward:.1f}" if backward else f"{forward:.1f}"


def _operators(arm: str, times: PartTimes) -> Table:
    table = Table(title=arm, title_justify="left", box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column("operator")
    for name in ("ms", "share"):
        table.add_column(name, justify="right")
    total = sum(map(sum, times.parts.values()))
    for operator, seconds in times.operators.items():
        table.add_row(operator, f"{1e3 * seconds:.1f}", f"{seconds / total:.1%}")
    return table
