"""How `videoswin bench model` looks in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from videoswin.bench.model import BenchConfig
from videoswin.bench.parts import PartTimes
from videoswin.bench.results import Bench, Best, Result, best_batches
from videoswin.bench.roofline import SIDE
from videoswin.cli.bench.sizes import size_text

COLUMNS = (
    *("arm", "s a batch", "clips/s", "times faster", "lowest", "highest", "TFLOP/s", "peak", "roof", "GB"),
    "differs by",
)
WIDTH = 120
NAME_LENGTH = 90
"""Of a kernel; their names can fill a page."""


def print_bench(config: BenchConfig, bench: Bench) -> None:
    """The machine, a table for every size, mode and batch, each arm at its best batch, the roofline, where
    time goes, what was left out."""
    console = Console(highlight=False)
    # A cut number would be a wrong one: a narrow terminal wraps the lines instead.
    console.width = max(console.width, WIDTH)
    console.print(Text(str(bench.machine)))
    for _, group in groupby(bench.results, key=lambda result: (result.size, result.mode, result.batch_size)):
        _print_cell(config.arms.variant, list(group), console)
    if len(config.batch_sizes) > 1:
        console.print(_best(config.arms.variant, best_batches(bench.results)))
    console.print(Text(_roofline(bench)))
    for line in bench.left_out:
        console.print(Text(f"left out: {line}"))


def report(bench: Bench) -> dict[str, object]:
    """All of it as plain values, with what follows from it."""
    results = [asdict(each) | _derived(each) for each in bench.results]
    best = [
        {"size": each.size, "mode": each.mode, "arm": each.arm, "times_faster": times_faster}
        | {"batch_size": each.batch_size, "clips_per_second": each.clips_per_second}
        for each, times_faster in best_batches(bench.results)
    ]
    return asdict(bench) | {"results": results, "best_batches": best}


def _derived(result: Result) -> dict[str, float]:
    return {
        "clips_per_second": result.clips_per_second,
        "operations_per_second": result.operations_per_second,
    }


def _print_cell(variant: str, results: list[Result], console: Console) -> None:
    first = results[0]
    title = f"{variant}, {first.mode}, {first.batch_size} x {size_text(first.size)}"
    console.print(_table(title, results))
    for result in results:
        if result.compile_seconds is not None:
            cold, warm = result.compile_seconds
            console.print(Text(f"{result.arm}: compiles in {cold:.1f} s, again in {warm:.1f} s"))
    profiled = {result.arm: result.parts for result in results if result.parts is not None}
    in_parts = {arm: times for arm, times in profiled.items() if times.parts}
    if in_parts:
        console.print(_parts(title, in_parts))
    for arm, times in profiled.items():
        console.print(_longest(arm, "operator", times.operators))
        if times.kernels:
            console.print(_longest(f"{arm}: {times.num_kernels} kernels", "kernel", times.kernels))


def new_table(title: str, names: Sequence[str], left: Sequence[str]) -> Table:
    """Columns of numbers but for those in `left`; none is cut."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    return table


def _table(title: str, results: list[Result]) -> Table:
    table = new_table(title, COLUMNS, left=("arm",))
    for result in results:
        table.add_row(*_row(result, results[0]))
    return table


def _row(result: Result, first: Result) -> list[str]:
    ratios = result.times_faster(first)
    faster = [f"{ratio:.2f}" for ratio in (median(ratios), min(ratios), max(ratios))]
    return [
        result.arm,
        seconds_text(result.median),
        rate_text(result.clips_per_second),
        *(faster if result.is_same else ["other result", "", ""]),
        f"{result.operations_per_second / 1e12:.3g}",
        f"{median(result.shares):.0%}",
        f"{median(result.floor_shares):.0%}" if result.floor_shares else "",
        "" if result.peak_bytes is None else f"{result.peak_bytes / 1e9:.2f}",
        f"{result.difference:.1e}",
    ]


def _best(variant: str, best: Sequence[Best]) -> Table:
    names = ("clips", "mode", "arm", "best batch", "clips/s", "times the clips/s")
    table = new_table(f"{variant}, each arm at its best batch", names, left=("clips", "mode", "arm"))
    for result, times_faster in best:
        table.add_row(
            size_text(result.size),
            result.mode,
            result.arm,
            str(result.batch_size),
            rate_text(result.clips_per_second),
            "other result" if times_faster is None else f"{times_faster:.2f}",
        )
    return table


def seconds_text(seconds: float) -> str:
    """Three decimals, of milliseconds two digits more."""
    return f"{seconds:.3f}" if seconds >= 0.1 else f"{seconds:.5f}"


def rate_text(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.2f}"


def _roofline(bench: Bench) -> str:
    peaks = ", ".join(f"{precision} {rate / 1e9:.0f} G" for precision, rate in bench.peaks.items())
    side = SIDE[bench.device]
    return (
        f"peak: share of {side} x {side} matrix products in these rounds, operations a second: {peaks}\n"
        "roof: share of the speed at which each operation takes as long as its products at the peak, or its "
        f"numbers at the {bench.bandwidth / 1e9:.3g} GB a second of a copy, whichever is more"
    )


def _parts(title: str, profiled: Mapping[str, PartTimes]) -> Table:
    """Milliseconds of every part, a column an arm; forward + backward where there is a backward pass."""
    table = new_table(
        f"{title}: milliseconds by part, under the profiler", ("part", *profiled), left=("part",)
    )
    names = dict.fromkeys(name for times in profiled.values() for name in times.parts)
    for name in names:
        table.add_row(name, *(_milliseconds(times.parts.get(name)) for times in profiled.values()))
    return table


def _milliseconds(times: tuple[float, float] | None) -> str:
    if times is None:
        return ""
    forward, backward = (1e3 * seconds for seconds in times)
    return f"{forward:.1f} + {backward:.1f}" if backward else f"{forward:.1f}"


def _longest(title: str, what: str, seconds_of: Mapping[str, float]) -> Table:
    """Operators or kernels; shares are of those listed."""
    table = new_table(title, (what, "ms", "share"), left=(what,))
    total = sum(seconds_of.values()) or 1.0
    for name, seconds in seconds_of.items():
        table.add_row(name[:NAME_LENGTH], f"{1e3 * seconds:.2f}", f"{seconds / total:.1%}")
    return table
