"""The confusion matrix as a picture, readable from 2 to 400 classes. It knows counts and label names only."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from videoswin.errors import ConfigError, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_NAMED_CLASSES = 64
"""Up to here every row carries its label."""
MAX_COUNTED_CLASSES = 24
"""Up to here every cell carries its count and every column its label."""
MAX_LABEL_LETTERS = 26
MAX_LISTED_CONFUSIONS = 18


def require_matplotlib() -> None:
    """Say before a long evaluation, not after it, that its picture can't be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("the confusion picture needs matplotlib: pip install 'videoswin[evaluate]'")


def draw_confusion(confusion: npt.NDArray[np.int64], labels: Sequence[str], *, title: str) -> bytes:
    """A PNG of `confusion` (K, K), row = true class. The same counts give the same bytes.

    Colour is the share of a row, on a square-root scale so that rare confusions are seen. A matrix too large
    for counts in its cells gets a list of the largest confusions beside it.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    num_classes = len(labels)
    side_inches = min(2.0 + 0.24 * num_classes, 14.0)
    has_list = num_classes > MAX_COUNTED_CLASSES
    widths_inches = [side_inches + 3.0, 5.0] if has_list else [side_inches + 3.0]  # labels and scale need 3
    figure = Figure(figsize=(sum(widths_inches), side_inches + 2.0), layout="constrained")
    grid = figure.add_gridspec(1, len(widths_inches), width_ratios=widths_inches)
    axes = figure.add_subplot(grid[0, 0])
    _draw_matrix(axes, confusion)
    _name_axes(axes, [_short(label) for label in labels])
    axes.set_title(title)
    if has_list:
        _list_confusions(figure.add_subplot(grid[0, 1]), confusion, labels)
    else:
        _write_counts(axes, confusion)
    png = io.BytesIO()
    no_version = {"Software": None}  # the version of matplotlib would change the bytes
    figure.savefig(png, format="png", dpi=150, bbox_inches="tight", metadata=no_version)
    return png.getvalue()


def _row_shares(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Each row divided by its sum; rows without videos stay 0."""
    shares: npt.NDArray[np.float64] = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    return shares


def _draw_matrix(axes: Axes, confusion: npt.NDArray[np.int64]) -> None:
    from matplotlib.colors import PowerNorm

    scale = PowerNorm(0.5, vmin=0, vmax=1)
    image = axes.imshow(_row_shares(confusion), cmap="Blues", norm=scale, interpolation="nearest")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, pad=0.02, ticks=[0, 0.05, 0.25, 0.5, 1])
    bar.ax.set_yticklabels(["0 %", "5 %", "25 %", "50 %", "100 %"])
    bar.set_label("share of the true class")


def _name_axes(axes: Axes, labels: Sequence[str]) -> None:
    """Labels on both axes while there is room, then indices on the x axis, then indices only."""
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    places = range(len(labels))
    # Labels are any text: `$` in them is not a formula.
    if len(labels) <= MAX_COUNTED_CLASSES:
        axes.set_xticks(places, labels, rotation=90, fontsize=9, parse_math=False)
        axes.set_yticks(places, labels, fontsize=9, parse_math=False)
    elif len(labels) <= MAX_NAMED_CLASSES:
        names = [f"{label}  {index}" for index, label in enumerate(labels)]
        axes.set_xticks(places, [str(index) for index in places], rotation=90, fontsize=8)
        axes.set_yticks(places, names, fontsize=8, parse_math=False)


def _write_counts(axes: Axes, confusion: npt.NDArray[np.int64]) -> None:
    shares = _row_shares(confusion)
    for row, column in np.argwhere(confusion > 0):
        color = "white" if shares[row, column] > 0.3 else "black"
        count = str(confusion[row, column])
        axes.text(column, row, count, ha="center", va="center", fontsize=8, color=color)


def _list_confusions(axes: Axes, confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> None:
    lines = [
        f"{count:>4}  {index:>3} {_short(labels[index])}\n    → {other:>3} {_short(labels[other])}"
        for count, index, other in largest_confusions(confusion, MAX_LISTED_CONFUSIONS)
    ]
    text = "\n".join(lines) or "none"
    axes.axis("off")
    axes.set_title("Largest confusions: videos, true → predicted", loc="left")
    axes.text(0, 1, text, va="top", fontsize=11, linespacing=1.4, family="monospace", parse_math=False)


def largest_confusions(confusion: npt.NDArray[np.int64], limit: int) -> list[tuple[int, int, int]]:
    """The largest counts off the diagonal as (count, true class, predicted class); ties in matrix order."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    rows, columns = np.unravel_index(order, wrong.shape)
    return [
        (int(wrong[row, column]), int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if wrong[row, column] > 0
    ]


def _short(label: str) -> str:
    text = printable(label)
    return text if len(text) <= MAX_LABEL_LETTERS else text[: MAX_LABEL_LETTERS - 1] + "…"
