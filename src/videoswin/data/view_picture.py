"""Clips as a contact sheet, or as an animation. It knows pixels and texts only."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from videoswin.data.encode import encode_animation
from videoswin.data.picture import Pixels
from videoswin.data.view import Shown
from videoswin.errors import printable
from videoswin.packages import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

ANIMATIONS: dict[str, Literal["gif", "mp4"]] = {".gif": "gif", ".mp4": "mp4"}
"""Name of an animation -> its container."""

_COLUMNS = 8  # pictures of a clip on a contact sheet
_CELL_INCHES = 1.5
_DOTS = 100  # an inch
_PICTURES_PER_SECOND = 10
_MAX_TEXT = 48


def require_matplotlib() -> None:
    """Say before the clips are read that they can't be drawn."""
    require(("matplotlib",), purpose="the contact sheet", extra="plot")


def draw_sheet(shown: Sequence[Shown]) -> bytes:
    """A PNG with a row for each clip: eight of its pictures, evenly spaced, each with its frame index."""
    require_matplotlib()
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(shown[0].frames))
    size = (columns * _CELL_INCHES, len(shown) * (_CELL_INCHES + 0.55))
    figure = Figure(figsize=size, dpi=_DOTS)
    figure.set_layout_engine("constrained", h_pad=0.12)
    grid = figure.subplots(len(shown), columns, squeeze=False)
    for row, one in zip(grid, shown, strict=True):
        places = np.linspace(0, len(one.frames) - 1, columns).round().astype(int)
        for axes, place in zip(row, places, strict=True):
            _draw_picture(axes, one.pixels[place])
            axes.set_xlabel(f"frame {one.frames[place]}", fontsize=7, labelpad=1)
        title = row[0].set_title(_title(one), fontsize=8, loc="left", parse_math=False)
        title.set_in_layout(False)  # it is as wide as the row, not as its first picture
    png = io.BytesIO()
    no_version = {"Software": None}  # the version of matplotlib would change the bytes
    figure.savefig(png, format="png", metadata=no_version)
    return png.getvalue()


def draw_animation(shown: Sequence[Shown], *, container: Literal["gif", "mp4"]) -> bytes:
    """All clips side by side, playing."""
    require_matplotlib()
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)
    cell = 2.4
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * cell, rows * (cell + 0.7)), dpi=_DOTS)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in grid[len(shown) :]:
        axes.axis("off")
    images = [_draw_picture(axes, one.pixels[0]) for axes, one in zip(grid, shown, strict=False)]
    figure.tight_layout()
    pictures = []
    for place in range(len(shown[0].frames)):
        for axes, image, one in zip(grid, images, shown, strict=False):
            image.set_data(one.pixels[place])
            axes.set_xlabel(f"frame {one.frames[place]}", fontsize=7, labelpad=1)
            axes.set_title("\n".join(_lines(one)), fontsize=6, loc="left", parse_math=False)
        pictures.append(_rendered(figure))
    return encode_animation(pictures, rate=_PICTURES_PER_SECOND, container=container)


def _draw_picture(axes: Axes, picture: Pixels) -> AxesImage:
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(picture, interpolation="nearest")


def _rendered(figure: Figure) -> Pixels:
    """(H, W, 3), both even as 4:2:0 needs it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: Pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[: height - height % 2, : width - width % 2])


def _title(one: Shown) -> str:
    return "   ".join(_lines(one))


def _lines(one: Shown) -> list[str]:
    label = textwrap.shorten(printable(one.label), _MAX_TEXT, placeholder="…")
    path = printable(one.path)
    return [label, path if len(path) <= _MAX_TEXT else "…" + path[-_MAX_TEXT:], f"{one.index}, {one.view}"]
