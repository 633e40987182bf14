"""The statistics of a data set as a picture. It knows counts only."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from videoswin.data.stats import Statistics
from videoswin.errors import printable
from videoswin.packages import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_NAMED = 40  # classes whose names can be read
_MAX_BARS = 12
_MAX_LETTERS = 26
_COLOUR = "#3b6ea5"


def draw_statistics(statistics: Statistics, *, title: str) -> bytes:
    """A PNG: samples by class, durations, sizes and frame rates. The same counts give the same bytes.

    Raises ConfigError where matplotlib is missing.
    """
    require(("matplotlib",), purpose="the picture of the statistics", extra="plot")
    from matplotlib.figure import Figure

    num_named = min(len(statistics.classes), _MAX_NAMED)
    figure = Figure(figsize=(12, 6 + 0.12 * num_named), layout="constrained")
    axes = figure.subplots(2, 2)
    _draw_classes(axes[0, 0], statistics.classes)
    _draw_durations(axes[0, 1], statistics.seconds)
    _draw_counts(axes[1, 0], statistics.sizes, "width x height")
    _draw_counts(axes[1, 1], statistics.frame_rates, "frames per second")
    figure.suptitle(printable(title), parse_math=False)
    png = io.BytesIO()
    no_version = {"Software": None}  # the version of matplotlib would change the bytes
    figure.savefig(png, format="png", dpi=120, metadata=no_version)
    return png.getvalue()


def _draw_classes(axes: Axes, classes: Mapping[str, int]) -> None:
    """Bars with names while these can be read, else the counts from the largest to the smallest."""
    axes.set_title(f"{len(classes)} classes" if classes else "no classes: the videos have no labels")
    if not classes:
        axes.axis("off")
    elif len(classes) <= _MAX_NAMED:
        places = range(len(classes))
        axes.barh(places, list(classes.values()), color=_COLOUR)
        axes.set_yticks(places, [_short(name) for name in classes], fontsize=8, parse_math=False)
        axes.invert_yaxis()
        axes.set_xlabel("samples")
    else:
        axes.bar(range(len(classes)), sorted(classes.values(), reverse=True), width=1.0, color=_COLOUR)
        axes.set_xlabel("classes, the largest first")
        axes.set_ylabel("samples")


def _draw_durations(axes: Axes, seconds: tuple[float, ...]) -> None:
    axes.set_title("durations")
    axes.set_xlabel("seconds")
    axes.set_ylabel("videos")
    if seconds:
        axes.hist(seconds, bins=40, color=_COLOUR)


def _draw_counts(axes: Axes, counts: Mapping[str, int], what: str) -> None:
    shown = dict(list(counts.items())[:_MAX_BARS])
    if rest := sum(counts.values()) - sum(shown.values()):
        shown[f"{len(counts) - _MAX_BARS} others"] = rest
    places = range(len(shown))
    axes.barh(places, list(shown.values()), color=_COLOUR)
    axes.set_yticks(places, list(shown), fontsize=8)
    axes.invert_yaxis()
    axes.set_title(what)
    axes.set_xlabel("videos")


def _short(label: str) -> str:
    text = printable(label)
    return text if len(text) <= _MAX_LETTERS else text[: _MAX_LETTERS - 1] + "…"
