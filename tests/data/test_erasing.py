from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videoswin.data.augment import MEAN_PIXEL
from videoswin.data.crops import Box
from videoswin.data.erasing import erasing_box, random_erasing
from videoswin.model.blocks import PIXEL_MEAN


def test_the_colour_is_zero_after_normalising() -> None:
    assert tuple(round(mean) for mean in PIXEL_MEAN) == MEAN_PIXEL


def test_one_box_in_all_frames() -> None:
    clip = torch.arange(4 * 20 * 30 * 3, dtype=torch.int64).remainder(97).to(torch.uint8).view(4, 20, 30, 3)
    before = clip.clone()
    random = np.random.default_rng(2)
    assert random.random() < 1
    top, left, height, width = erasing_box(20, 30, random)
    assert height * width > 0
    expected = clip.clone()
    for frame in expected:
        frame[top : top + height, left : left + width] = torch.tensor([124, 116, 104], dtype=torch.uint8)
    erased = random_erasing(clip, probability=1.0, random=np.random.default_rng(2))
    assert torch.equal(erased, expected)
    assert torch.equal(clip, before)
    assert not torch.equal(erased, clip)


def test_the_same_seed_erases_the_same() -> None:
    clip = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    first, again, other = (
        random_erasing(clip, probability=1.0, random=np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_boxes_of_a_seed_stay_what_they_were() -> None:
    assert [erasing_box(224, 224, np.random.default_rng(seed)) for seed in range(3)] == BOXES


BOXES = [
    Box(top=34, left=3, height=139, width=100),
    Box(top=2, left=84, height=115, width=112),
    Box(top=50, left=32, height=74, width=132),
]


@pytest.mark.parametrize(("probability", "low", "high"), [(0.25, 220, 280), (1.0, 1000, 1000)])
def test_probability(probability: float, low: int, high: int) -> None:
    random = np.random.default_rng(0)
    clip = torch.zeros(1, 16, 16, 3, dtype=torch.uint8)
    erased = sum(
        bool(random_erasing(clip, probability=probability, random=random).any()) for _ in range(1000)
    )
    assert low <= erased <= high  # 250 expected, deviation 14


def test_probability_0_draws_nothing() -> None:
    random, clip = np.random.default_rng(0), torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    assert random_erasing(clip, probability=0.0, random=random) is clip
    assert random.random() == np.random.default_rng(0).random()


def test_sizes_of_boxes() -> None:
    boxes = [erasing_box(224, 224, np.random.default_rng(seed)) for seed in range(2000)]
    shares = np.array([box.height * box.width / 224**2 for box in boxes])
    ratios = np.array([box.height / box.width for box in boxes])
    assert 0.018 < shares.min() < 0.025
    assert 0.32 < shares.max() < 0.34
    assert shares.mean() == pytest.approx((0.02 + 1 / 3) / 2, abs=0.01)
    assert 0.29 < ratios.min() < 0.31
    assert 3.2 < ratios.max() < 3.45
    assert np.log(ratios).mean() == pytest.approx(0, abs=0.05)  # upright as often as wide


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 10_000))
def test_a_box_lies_in_the_picture(height: int, width: int, seed: int) -> None:
    box = erasing_box(height, width, np.random.default_rng(seed))
    assert 0 <= box.top <= box.top + box.height <= height
    assert 0 <= box.left <= box.left + box.width <= width


def test_a_picture_too_thin_for_any_proposal_stays() -> None:
    """One row: a box must be lower than the picture, and every proposal has at least one row."""
    assert erasing_box(1, 400, np.random.default_rng(0)) == Box(top=0, left=0, height=0, width=0)
    clip = torch.zeros(1, 1, 400, 3, dtype=torch.uint8)
    assert not random_erasing(clip, probability=1.0, random=np.random.default_rng(0)).any()
