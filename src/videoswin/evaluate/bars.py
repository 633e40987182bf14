"""Average precision of classes as horizontal bars."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from videoswin.errors import printable
from videoswin.evaluate.picture import require_matplotlib

MAX_CLASSES = 60
"""Of more, the first half and the last half in order of their value are drawn."""


def draw_bars(shares: npt.NDArray[np.float64], labels: Sequence[str], *, title: str) -> bytes:
    """A PNG of `shares` (K,) in [0, 1], the largest on top; NaN is left out. The same numbers give the same
    bytes."""
    require_matplotlib()
    from matplotlib.figure import Figure

    order = np.argsort(-shares, kind="stable")  # NaN comes last
    order = order[: int(np.isfinite(shares).sum())]
    if len(order) > MAX_CLASSES:
        order = np.concatenate((order[: MAX_CLASSES // 2], order[-MAX_CLASSES // 2 :]))
    figure = Figure(figsize=(8.0, 1.5 + 0.25 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(order))
    axes.barh(places, 100 * shares[order], color="#4477aa")
    axes.set_yticks(places, [printable(labels[k])[:30] for k in order], fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("average precision, %")
    axes.set_title(title)
    png = io.BytesIO()
    # The version of matplotlib would change the bytes.
    figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return png.getvalue()
