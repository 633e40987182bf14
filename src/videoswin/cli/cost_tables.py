"""How `videoswin cost` looks in a terminal; every table fits 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from videoswin.cli.cost_report import Counted, counted_rows
from videoswin.model.memory import ActivationMemory
from videoswin.ops import select_backend

MULTIPLY_ADDS = "Multiply-adds in G; padded window tokens count, as in the paper."
MEMORY = (
    "Memory: the most that the activations of one clip take at once, in float32; without parameters and "
    "their gradients, the clip, drop path and checkpointing."
)


def print_one(counted: Counted) -> None:
    """One model by stage and part, then what the paper says of it and its memory."""
    title = (
        f"{counted.variant}, {counted.config.design}, window {_size(counted.config.window)}, "
        f"one clip of {_size(counted.clip)}"
    )
    table = _table(title, left=("part",))
    for name in ("tokens", "parameters", "patch", "linear", "scores", "MLP", "merging", "total"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [
        (part.embedding, part.linear, part.scores, part.mlp, part.merging, part.multiply_adds)
        for part in counted.parts
    ]
    for part, row in zip(counted.parts, rows, strict=True):
        tokens = "" if part.head else _size(part.grid)
        table.add_row(part.name, tokens, f"{part.parameters:,}", *(_giga(number) for number in row))
    table.add_section()
    sums = [_giga(sum(column)) for column in zip(*rows, strict=True)]
    table.add_row("total", "", f"{counted.parameters:,}", *sums)
    console = Console()
    console.print(table)
    console.print(Text(f"\n{_paper(counted)}"))
    if counted.memory is not None:
        console.print(Text(_peak(counted.memory)))
    console.print(Text(_notes([counted]), style="dim"))


def print_all(counted: list[Counted]) -> None:
    """A line for every model, then one for every row of the paper."""
    has_memory = any(each.memory is not None for each in counted)
    title = "every size and design" + ("; peak activation memory in MB" if has_memory else "")
    ours = _table(title, left=("size", "design", "window", "clip"))
    for name in ("parameters", "G", *(("inference", "training") if has_memory else ())):
        ours.add_column(name, justify="right", no_wrap=True)
    for each in counted:
        peaks = [] if each.memory is None else [_mega(each.memory.inference), _mega(each.memory.training)]
        ours.add_row(
            each.variant,
            each.config.design,
            _size(each.config.window),
            f"{each.clip.t}x{each.clip.h}",
            f"{each.parameters:,}",
            _giga(each.multiply_adds),
            *peaks,
        )
    paper = _table("the paper's rows, with ours", left=("table", "row"))
    for name in ("paper M", "ours M", "paper G", "ours G"):
        paper.add_column(name, justify="right", no_wrap=True)
    for row, each in counted_rows():
        paper.add_row(
            str(row.table),
            row.name,
            f"{row.mega_parameters:.1f}",
            f"{each.parameters / 1e6:.2f}",
            str(row.giga_multiply_adds),
            _giga(each.multiply_adds),
        )
    console = Console()
    for table in (ours, paper):
        console.print(table, "")
    console.print(Text(_notes(counted), style="dim"))


def _table(title: str, *, left: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name in left:
        table.add_column(name, no_wrap=True)
    return table


def _paper(counted: Counted) -> str:
    if not counted.rows:
        return "paper: no row has this model and clip"
    row = counted.rows[0]
    tables = ", ".join(map(str, dict.fromkeys(row.table for row in counted.rows)))
    numbers = f"{row.giga_multiply_adds} G, {row.mega_parameters:.1f} M parameters"
    return f"paper (Table{'s' if ',' in tables else ''} {tables}): {numbers}"


def _notes(counted: list[Counted]) -> str:
    has_memory = any(each.memory is not None for each in counted)
    return f"{MULTIPLY_ADDS} {MEMORY}" if has_memory else MULTIPLY_ADDS


def _peak(memory: ActivationMemory) -> str:
    peaks = f"{_mega(memory.inference)} MB in inference, {_mega(memory.training)} MB in training"
    return f"peak activation memory ({select_backend()}): {peaks}"


def _size(size: tuple[int, int, int]) -> str:
    return "x".join(map(str, size))


def _giga(number: int) -> str:
    return f"{number / 1e9:.2f}" if number else ""


def _mega(number: int) -> str:
    return f"{number / 1e6:,.0f}"
