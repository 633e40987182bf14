from __future__ import annotations

import struct
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videoswin.data.picture import Orientation, resize_frames, resize_picture
from videoswin.values import Resize

ONE = 1 << 16  # the matrix is in fixed point


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack("<9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


#        stored picture       [[1, 2],
#                              [3, 4]]
@pytest.mark.parametrize(
    ("display_matrix", "upright"),
    [
        (None, [[1, 2], [3, 4]]),
        (matrix(ONE, 0, 0, ONE), [[1, 2], [3, 4]]),
        (matrix(-ONE, 0, 0, ONE), [[2, 1], [4, 3]]),  # mirrored left to right: x -> -x
        (matrix(ONE, 0, 0, -ONE), [[3, 4], [1, 2]]),  # mirrored top to bottom: y -> -y
        (matrix(-ONE, 0, 0, -ONE), [[4, 3], [2, 1]]),  # half a turn
        (matrix(0, ONE, -ONE, 0), [[3, 1], [4, 2]]),  # a quarter clockwise: x' = -y, y' = x
        (matrix(0, -ONE, ONE, 0), [[2, 4], [1, 3]]),  # a quarter counter-clockwise: x' = y, y' = -x
        (matrix(0, ONE, ONE, 0), [[1, 3], [2, 4]]),  # transposed
        (matrix(0, -ONE, -ONE, 0), [[4, 2], [3, 1]]),
        (matrix(60_000, 20_000, -20_000, 60_000), [[1, 2], [3, 4]]),  # 18 degrees: left as it is
    ],
)
def test_orientation(display_matrix: bytes | None, upright: list[list[int]]) -> None:
    stored = np.repeat(np.array([[1, 2], [3, 4]], dtype=np.uint8)[..., np.newaxis], 3, axis=2)
    assert Orientation.of(display_matrix).apply(stored)[..., 0].tolist() == upright


def test_orientation_changes_the_size_of_a_quarter_turn_only() -> None:
    assert Orientation(is_transposed=True).size(4, 7) == (7, 4)
    assert Orientation(flip_rows=True, flip_columns=True).size(4, 7) == (4, 7)


def exact_bilinear(picture: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.float64]:
    """Bilinear interpolation with centers at half-integers, in float64, straight from the definition."""

    def positions(
        new: int, old: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(at).astype(np.int64)
        return low, np.minimum(low + 1, old - 1), at - low

    top, bottom, down = positions(height, picture.shape[0])
    left, right, across = positions(width, picture.shape[1])
    values = picture.astype(np.float64)
    rows = values[top] * (1 - down)[:, None, None] + values[bottom] * down[:, None, None]
    result: npt.NDArray[np.float64] = rows[:, left] * (1 - across)[:, None] + rows[:, right] * across[:, None]
    return result


@given(
    old=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    new=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    seed=st.integers(0, 1000),
)
def test_resize_is_bilinear_within_one_level(old: tuple[int, int], new: tuple[int, int], seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (*old, 3), dtype=np.uint8)
    resized = resize_picture(picture, height=new[0], width=new[1])
    assert resized.shape == (*new, 3)
    assert resized.dtype == np.uint8
    # Half a level for each of the two directions, and the rounding of the weights.
    assert np.abs(resized - exact_bilinear(picture, *new)).max() < 1.02


def test_resize_of_flipped_and_transposed_views() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    view = picture.transpose(1, 0, 2)[::-1]
    expected = resize_picture(view.copy(), height=20, width=30)
    assert (resize_picture(view, height=20, width=30) == expected).all()


def test_frames_are_resized_alike() -> None:
    frames = torch.randint(0, 256, (3, 9, 12, 3), dtype=torch.uint8)
    together = resize_frames(frames, height=5, width=7)
    assert together.shape == (3, 5, 7, 3)
    for frame, resized in zip(frames, together, strict=True):
        assert (resize_picture(frame.numpy(), height=5, width=7) == resized.numpy()).all()


def test_same_size_is_left_alone() -> None:
    frames = torch.randint(0, 256, (2, 4, 6, 3), dtype=torch.uint8)
    assert resize_frames(frames, height=4, width=6) is frames


def test_antialias_is_the_mean_of_what_a_pixel_covers() -> None:
    """A checkerboard at half the size: 50 % grey, where bilinear without antialias sees what it hits."""
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)
    picture = np.repeat(board[..., np.newaxis], 3, axis=2)
    smooth = resize_picture(picture, height=20, width=20, resize="antialias")
    assert np.abs(smooth[1:-1, 1:-1].astype(int) - 100).max() <= 16
    hit = resize_picture(picture, height=20, width=20, resize="bilinear")
    assert np.ptp(hit) > 100


def test_antialias_weighs_by_a_triangle() -> None:
    # Four pixels become two: the centers are at 0.5 and 2.5, and weights fall to 0 two pixels away:
    # 3 3 1 (of 7) of the pixels 0 1 2, and 1 3 3 of 1 2 3.
    row = np.array([[10, 80, 150, 220]], dtype=np.uint8)
    picture = np.repeat(row[..., np.newaxis], 3, axis=2)
    half = resize_picture(picture, height=1, width=2, resize="antialias")
    assert half[0, :, 0].tolist() == [60, 170]
    assert resize_picture(picture, height=1, width=2)[0, :, 0].tolist() == [45, 185]


@pytest.mark.parametrize("size", [(64, 96), (40, 47)])
def test_both_ways_agree_where_the_picture_grows(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 47, 3), dtype=np.uint8)
    ways = [
        resize_picture(picture, height=size[0], width=size[1], resize=resize).astype(int)
        for resize in get_args(Resize)
    ]
    assert np.abs(ways[0] - ways[1]).max() <= 1
