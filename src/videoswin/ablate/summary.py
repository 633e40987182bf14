"""Rows of the finished table, and the table as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from videoswin.ablate.measure import ModelCost
from videoswin.ablate.run import Result
from videoswin.ablate.tables import Setting

COLUMNS = (
    *("setting", "top-1", "top-5", "multiply-adds", "parameters", "s a clip"),
    *("paper top-1", "paper top-5"),
)
CSV_COLUMNS = (
    *("setting", "seeds", "top1_mean", "top1_deviation", "topk", "topk_mean", "topk_deviation"),
    *("order_mean", "order_deviation", "multiply_adds", "parameters", "seconds_a_clip"),
    *("paper_top1", "paper_top5"),
)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and sample standard deviation over seeds, as shares in [0, 1]; the deviation of one seed is 0."""

    mean: float
    deviation: float
    count: int

    def __str__(self) -> str:
        """In percent, as tables have it: `78.8 ± 0.3`."""
        spread = f" ± {100 * self.deviation:.1f}" if self.count > 1 else ""
        return f"{100 * self.mean:.1f}{spread}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting over its seeds. top1_of_seeds in the order of the seeds."""

    setting: Setting
    top1: Spread
    top5: Spread
    top_k: int
    order: Spread | None
    top1_of_seeds: tuple[float, ...]
    cost: ModelCost


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return Spread(mean=statistics.fmean(values), deviation=deviation, count=len(values))


def summarise(setting: Setting, results: Sequence[Result], cost: ModelCost) -> Row:
    orders = [result.order for result in results if result.order is not None]
    return Row(
        setting=setting,
        top1=spread([result.top1 for result in results]),
        top5=spread([result.top5 for result in results]),
        top_k=results[0].top_k,
        order=spread(orders) if orders else None,
        top1_of_seeds=tuple(result.top1 for result in results),
        cost=cost,
    )


def cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of the table. The column `order` is there if it was measured."""
    has_order = any(row.order is not None for row in rows)
    headings = list(COLUMNS)
    headings[2] = f"top-{rows[0].top_k}"  # all classes where there are fewer than 5
    table = [_cells(row) for row in rows]
    if has_order:
        headings.insert(3, "order")
        for row, line in zip(rows, table, strict=True):
            line.insert(3, str(row.order) if row.order is not None else "")
    return headings, table


def _cells(row: Row) -> list[str]:
    return [
        row.setting.name,
        str(row.top1),
        str(row.top5),
        in_words(row.cost.multiply_adds),
        in_words(row.cost.parameters),
        f"{row.cost.seconds:.3g}",
        row.setting.paper_top1,
        row.setting.paper_top5,
    ]


def in_words(count: int) -> str:
    """88.1 M, 281.3 G: four digits at most, as papers write counts."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}" if count < 100 * size else f"{count / size:.1f} {unit}"
    return str(count)


def to_markdown(title: str, rows: Sequence[Row]) -> str:
    headings, table = cells(rows)
    lines = [headings, ["---"] * len(headings), *table]
    return f"{title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_csv(rows: Sequence[Row]) -> str:
    """Plain numbers: shares in [0, 1], counts, seconds; one line a setting."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        order = ("", "") if row.order is None else (row.order.mean, row.order.deviation)
        tops = (row.top1.mean, row.top1.deviation, row.top_k, row.top5.mean, row.top5.deviation)
        costs = (row.cost.multiply_adds, row.cost.parameters, row.cost.seconds)
        paper = (row.setting.paper_top1, row.setting.paper_top5)
        writer.writerow((row.setting.name, row.top1.count, *tops, *order, *costs, *paper))
    return text.getvalue()
