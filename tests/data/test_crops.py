from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoswin.data.crops import (
    Box,
    center_crop,
    five_crops,
    random_resized_crop,
    short_side_size,
    three_crops,
)


@pytest.mark.parametrize(
    ("height", "width", "short", "expected"),
    [
        (240, 320, 256, (256, 341)),  # 341.33
        (256, 340, 256, (256, 340)),
        (320, 240, 224, (299, 224)),  # 298.67
        (192, 342, 256, (256, 456)),
        (3, 5, 2, (2, 3)),  # 3.33
        (2, 5, 1, (1, 3)),  # 2.5 rounds up
        (1, 1, 224, (224, 224)),
    ],
)
def test_short_side(height: int, width: int, short: int, expected: tuple[int, int]) -> None:
    assert short_side_size(height, width, short) == expected


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 400))
def test_short_side_is_what_was_asked(height: int, width: int, short: int) -> None:
    assert min(short_side_size(height, width, short)) == short


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (256, 341, (16, 58, 224, 224)),  # (256 - 224) // 2, (341 - 224) // 2
        (224, 224, (0, 0, 224, 224)),
        (225, 300, (0, 38, 224, 224)),
    ],
)
def test_center(height: int, width: int, expected: tuple[int, int, int, int]) -> None:
    assert center_crop(height, width, 224) == expected


@pytest.mark.parametrize(
    ("height", "width", "corners"),
    [
        (224, 298, [(0, 0), (0, 74), (0, 37)]),  # left, right, middle
        (224, 299, [(0, 0), (0, 74), (0, 37)]),  # the right crop ends one pixel early: official
        (298, 224, [(0, 0), (74, 0), (37, 0)]),  # top, bottom, middle
        (224, 224, [(0, 0), (0, 0), (0, 0)]),
    ],
)
def test_three_crops(height: int, width: int, corners: list[tuple[int, int]]) -> None:
    assert three_crops(height, width, 224) == tuple(Box(top, left, 224, 224) for top, left in corners)


@pytest.mark.parametrize(
    ("height", "width", "corners"),
    [
        (224, 324, [(0, 0), (0, 25), (0, 50), (0, 75), (0, 100)]),
        (224, 398, [(0, 0), (0, 43), (0, 87), (0, 130), (0, 174)]),  # steps of 43.5, rounded down
        (324, 224, [(0, 0), (25, 0), (50, 0), (75, 0), (100, 0)]),
        (224, 224, [(0, 0)] * 5),
    ],
)
def test_five_crops(height: int, width: int, corners: list[tuple[int, int]]) -> None:
    assert five_crops(height, width, 224) == tuple(Box(top, left, 224, 224) for top, left in corners)


@given(st.integers(1, 400), st.integers(0, 400))
def test_the_middle_of_three_and_five_crops_is_the_center(size: int, more: int) -> None:
    middle = center_crop(size, size + more, size)
    assert three_crops(size, size + more, size)[2] == five_crops(size, size + more, size)[2] == middle


def fits(box: Box, height: int, width: int) -> bool:
    return (
        0 <= box.top
        and 0 <= box.left
        and box.height >= 1
        and box.width >= 1
        and box.top + box.height <= height
        and box.left + box.width <= width
    )


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 10_000))
def test_random_crops_fit(height: int, width: int, seed: int) -> None:
    assert fits(random_resized_crop(height, width, np.random.default_rng(seed)), height, width)


@given(st.integers(1, 50), st.integers(0, 60))
def test_view_crops_fit(size: int, more: int) -> None:
    for height, width in ((size, size + more), (size + more, size)):
        for box in (
            *three_crops(height, width, size),
            *five_crops(height, width, size),
            center_crop(height, width, size),
        ):
            assert fits(box, height, width)
            assert box.height == box.width == size


def test_random_crops_cover_the_ranges_asked_for() -> None:
    random = np.random.default_rng(0)
    boxes = [random_resized_crop(256, 341, random) for _ in range(2000)]
    areas = np.array([box.height * box.width / (256 * 341) for box in boxes])
    ratios = np.array([box.width / box.height for box in boxes])
    assert 0.075 < areas.min() < 0.1
    assert areas.max() > 0.95
    assert 0.74 < ratios.min() < 0.76
    assert 1.31 < ratios.max() < 1.36
    assert {box.left == 0 for box in boxes} == {True, False}


def test_area_is_uniform_and_ratio_log_uniform_where_every_proposal_fits() -> None:
    random = np.random.default_rng(0)
    boxes = [random_resized_crop(256, 341, random, area=(0.1, 0.4)) for _ in range(2000)]
    areas = np.array([box.height * box.width / (256 * 341) for box in boxes])
    log_ratios = np.log([box.width / box.height for box in boxes])
    assert np.histogram(areas, bins=4, range=(0.1, 0.4))[0] == pytest.approx([500] * 4, abs=60)
    edge = np.log(4 / 3)
    assert np.histogram(log_ratios, bins=4, range=(-edge, edge))[0] == pytest.approx([500] * 4, abs=60)


def test_random_crop_of_fixed_area_and_ratio() -> None:
    box = random_resized_crop(100, 100, np.random.default_rng(0), area=(0.25, 0.25), ratio=(1, 1))
    assert (box.height, box.width) == (50, 50)


def test_where_no_proposal_fits_the_central_square_is_taken() -> None:
    # The whole area of a 10 x 100 picture as a square would be 32 x 32.
    assert random_resized_crop(10, 100, np.random.default_rng(0), area=(1, 1), ratio=(1, 1)) == (
        0,
        45,
        10,
        10,
    )
