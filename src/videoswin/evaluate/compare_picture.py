"""Comparisons as one picture: the change of each class, and how often the runs agree."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from videoswin.errors import printable
from videoswin.evaluate.compare import Agreement, ClassChange, Comparison
from videoswin.evaluate.picture import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_CLASSES = 40
"""Of more, those that changed most are drawn."""
BETTER, WORSE = "#228833", "#cc3311"


def draw_comparisons(comparisons: Sequence[Comparison], names: Sequence[tuple[str, str]]) -> bytes:
    """A PNG with a row for each comparison, at least 1; names: of the first and the second run of each. The
    same reports give the same bytes."""
    require_matplotlib()
    from matplotlib.figure import Figure

    shown = [comparison.classes[:MAX_CLASSES] for comparison in comparisons]
    heights = [max(1.6 + 0.22 * len(classes), 3.2) for classes in shown]
    figure = Figure(figsize=(13.0, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(comparisons), 2, width_ratios=(2.2, 1), height_ratios=heights)
    for row, (comparison, classes, pair) in enumerate(zip(comparisons, shown, names, strict=True)):
        bars = figure.add_subplot(grid[row, 0])
        _draw_changes(bars, classes, unit="AP" if comparison.first.is_multi_label else "accuracy")
        bars.set_title(" → ".join(_short(name) for name in pair), parse_math=False)
        _draw_agreement(figure.add_subplot(grid[row, 1]), comparison.agreement, pair)
    png = io.BytesIO()
    # The version of matplotlib would change the bytes.
    figure.savefig(png, format="png", dpi=130, metadata={"Software": None})
    return png.getvalue()


def _draw_changes(axes: Axes, classes: Sequence[ClassChange], *, unit: str) -> None:
    ordered = sorted(classes, key=lambda change: (-change.change, change.label))
    changes = [100 * change.change for change in ordered]
    names = [f"{_short(change.label)} ({change.num_videos})" for change in ordered]
    axes.barh(range(len(ordered)), changes, color=[BETTER if change > 0 else WORSE for change in changes])
    axes.set_yticks(range(len(ordered)), names, fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    limit = 1.05 * max([1.0, *map(abs, changes)])
    axes.set_xlim(-limit, limit)
    axes.set_xlabel(f"change of {unit} of a class (videos), percentage points")


def _draw_agreement(axes: Axes, agreement: Agreement, pair: tuple[str, str]) -> None:
    counts = ((agreement.both, agreement.only_first), (agreement.only_second, agreement.neither))
    total = max(sum(map(sum, counts)), 1)
    colors = (("#dddddd", WORSE), (BETTER, "#dddddd"))
    for row in range(2):
        for column in range(2):
            corners = [column, column + 1, column + 1, column], [row, row, row + 1, row + 1]
            axes.fill(*corners, facecolor=colors[row][column], alpha=0.5, edgecolor="white")
            text = f"{counts[row][column]:,}\n{counts[row][column] / total:.1%}"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=13)
    axes.set_xlim(0, 2)
    axes.set_ylim(2, 0)
    axes.set_xticks((0.5, 1.5), ("right", "wrong"))
    axes.set_yticks((0.5, 1.5), ("right", "wrong"), rotation=90, va="center")
    axes.set_xlabel(_short(pair[1]), parse_math=False)
    axes.set_ylabel(_short(pair[0]), parse_math=False)
    axes.set_title(f"videos; exact McNemar p = {agreement.p_value:.2g}")


def _short(text: str) -> str:
    line = printable(text)
    return line if len(line) <= 36 else "…" + line[-35:]
