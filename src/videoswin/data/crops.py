"""Where a crop lies and how large a picture becomes: integer arithmetic only (paper.md section 7). Sizes are
(h, w)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_NUM_TRIES = 10


class Box(NamedTuple):
    """A rectangle of pixels: rows [top, top + height), columns [left, left + width)."""

    top: int
    left: int
    height: int
    width: int


def short_side_size(height: int, width: int, short: int) -> tuple[int, int]:
    """(h, w) after scaling so that the shorter side is `short`; halves round up. 240 x 320 to 256 gives 256 x
    341."""
    scale = short / min(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def random_resized_crop(
    height: int,
    width: int,
    random: np.random.Generator,
    *,
    area: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Box:
    """A box whose share of the picture is uniform in `area` and whose width / height is log-uniform in
    `ratio`.

    Of ten proposals the first that fits is placed at random; where none fits, the central square is taken.
    """
    aspects = np.exp(random.uniform(np.log(ratio[0]), np.log(ratio[1]), size=_NUM_TRIES))
    areas = random.uniform(area[0], area[1], size=_NUM_TRIES) * height * width
    crop_widths = np.round(np.sqrt(areas * aspects)).astype(int)
    crop_heights = np.round(np.sqrt(areas / aspects)).astype(int)
    for crop_height, crop_width in zip(crop_heights.tolist(), crop_widths.tolist(), strict=True):
        if 1 <= crop_height <= height and 1 <= crop_width <= width:
            left = int(random.integers(width - crop_width, endpoint=True))
            top = int(random.integers(height - crop_height, endpoint=True))
            return Box(top=top, left=left, height=crop_height, width=crop_width)
    return center_crop(height, width, min(height, width))


def center_crop(height: int, width: int, size: int) -> Box:
    """The central square; where the margin is odd, it is one pixel smaller at the top and left."""
    return Box(top=(height - size) // 2, left=(width - size) // 2, height=size, width=size)


def three_crops(height: int, width: int, size: int) -> tuple[Box, Box, Box]:
    """Left, right and middle square of a wide picture; top, bottom and middle of a tall one. Its short side
    is `size`.

    With s = (long - size) // 2 the offsets are 0, 2s and s: the second can miss the last row or column, as it
    does in the official code.
    """
    assert min(height, width) == size, (height, width, size)
    step_down, step_right = (height - size) // 2, (width - size) // 2
    first, second, middle = (
        Box(top=factor * step_down, left=factor * step_right, height=size, width=size) for factor in (0, 2, 1)
    )
    return first, second, middle


def five_crops(height: int, width: int, size: int) -> tuple[Box, ...]:
    """Five squares evenly spaced along the long side, from edge to edge: left to right or top to bottom.

    The paper tests with 10x5 views (Tables 1 and 2) and does not say where the five crops lie; its code has
    no such test. Even spacing continues its three crops; the middle one is the same.
    """
    assert min(height, width) == size, (height, width, size)
    return tuple(
        Box(top=step * (height - size) // 4, left=step * (width - size) // 4, height=size, width=size)
        for step in range(5)
    )


def _one_crop(height: int, width: int, size: int) -> tuple[Box, ...]:
    return (center_crop(height, width, size),)


CROPS: dict[int, Callable[[int, int, int], tuple[Box, ...]]] = {1: _one_crop, 3: three_crops, 5: five_crops}
"""Crops of a test view by their number: (height, width, size) to boxes, in the order of the views."""
