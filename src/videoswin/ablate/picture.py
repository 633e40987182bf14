"""The table as a picture: every seed a dot, the mean a bar."""

from __future__ import annotations

import io
from collections.abc import Sequence

from videoswin.ablate.summary import Row


def draw_table(title: str, rows: Sequence[Row]) -> bytes:
    """A PNG, top-1 in percent; the order of `rows` from top to bottom. With a second panel if the order of
    time was measured. matplotlib must be there (see evaluate.picture.require_matplotlib)."""
    from matplotlib.figure import Figure

    panels = [("top-1, %", [row.top1 for row in rows])]
    orders = [row.order for row in rows if row.order is not None]
    if len(orders) == len(rows):
        panels.append(("told from its reverse, % (chance 50)", orders))
    figure = Figure(figsize=(5.5 * len(panels) + 1.5, 1.4 + 0.45 * len(rows)), layout="constrained")
    figure.suptitle(title)
    places = range(len(rows))
    axes_of = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (label, spreads) in zip(axes_of, panels, strict=True):
        means, deviations = ([100 * getattr(s, name) for s in spreads] for name in ("mean", "deviation"))
        axes.barh(places, means, xerr=deviations, color="#9bb7d4", ecolor="#444444", capsize=3)
        for place, mean in zip(places, means, strict=True):
            axes.annotate(f"{mean:.1f}", (mean, place), xytext=(6, 5), textcoords="offset points", fontsize=8)
        axes.set_xlabel(label)
        axes.set_xlim(0, 105)
        axes.grid(axis="x", alpha=0.3)
    for place, row in zip(places, rows, strict=True):
        dots = [100 * share for share in row.top1_of_seeds]
        axes_of[0].plot(dots, [place] * len(dots), "o", color="#1f4e79", markersize=3.5)
    axes_of[0].set_yticks(places, [row.setting.name for row in rows])
    axes_of[0].invert_yaxis()
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=130, metadata={"Software": None})
    return png.getvalue()
