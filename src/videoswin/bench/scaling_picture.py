"""The scaling as a picture: measured time and memory beside straight lines through the base."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from videoswin.bench.scaling import Point, Scaling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TIME, MEMORY = "#1f4e79", "#b5651d"


def draw_scaling(title: str, scaling: Scaling) -> bytes:
    """A PNG of two panels, over frames and over area. matplotlib must be there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    figure.suptitle(title)
    frames, area = figure.subplots(1, 2)
    _panel(frames, scaling.over_frames, scaling.base, lambda point: point.size.t)
    frames.set_xlabel(f"frames (at {scaling.base.size.h} x {scaling.base.size.w})")
    _panel(area, scaling.over_sides, scaling.base, lambda point: point.size.h * point.size.w / 1e3)
    area.set_xlabel(f"height x width in thousand pixels (at {scaling.base.size.t} frames)")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=130, metadata={"Software": None})
    return png.getvalue()


def _panel(axes: Axes, points: Sequence[Point], base: Point, place: Callable[[Point], float]) -> None:
    places = [place(point) for point in points]
    seconds = [point.seconds for point in points]
    axes.plot(places, seconds, "o-", color=TIME, markersize=4, label="seconds")
    ends = [0.0, max(places)]
    slope = base.seconds / place(base)
    axes.plot(ends, [slope * end for end in ends], "--", color=TIME, alpha=0.5, label="linear")
    axes.set_ylabel("seconds a clip", color=TIME)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    memory = axes.twinx()
    memory.plot(places, [point.peak_bytes / 1e9 for point in points], "s-", color=MEMORY, markersize=3)
    memory.set_ylabel("peak memory of the process, GB", color=MEMORY)
    memory.set_ylim(bottom=0)
    axes.legend(loc="upper left")
