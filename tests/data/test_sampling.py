from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoswin.data import sampling
from videoswin.errors import ConfigError
from videoswin.values import ClipSpec

DENSE = ClipSpec(num_frames=32, stride=2)
SMALL = ClipSpec(num_frames=4, stride=2)
UNIFORM = ClipSpec(num_frames=4, sampling="uniform")


@pytest.mark.parametrize(
    ("num_frames", "num_clips", "starts"),
    [
        # a = (N - 63) / 4, start int(i a + a / 2)
        (300, 4, [29, 88, 148, 207]),  # a = 59.25
        (250, 4, [23, 70, 116, 163]),  # a = 46.75
        (67, 4, [0, 1, 2, 3]),  # a = 1
        (65, 4, [0, 0, 1, 1]),  # a = 0.5
        (64, 4, [0, 0, 0, 0]),
        (63, 4, [0, 0, 0, 0]),  # shorter than the span
        (10, 4, [0, 0, 0, 0]),
        (300, 2, [59, 177]),
        (300, 1, [118]),  # int((300 - 63) / 2)
    ],
)
def test_dense_test_clips_start_at_the_centers_of_their_shares(
    num_frames: int, num_clips: int, starts: list[int]
) -> None:
    indices = sampling.test_indices(num_frames, DENSE, num_clips)
    assert indices.shape == (num_clips, 32)
    assert indices[:, 0].tolist() == starts
    assert (indices == (np.array(starts)[:, None] + 2 * np.arange(32)) % num_frames).all()


def test_short_videos_begin_again() -> None:
    assert sampling.test_indices(5, SMALL, 1).tolist() == [[0, 2, 4, 1]]
    assert sampling.test_indices(1, SMALL, 2).tolist() == [[0, 0, 0, 0], [0, 0, 0, 0]]
    assert sampling.test_indices(7, SMALL, 1).tolist() == [
        [0, 2, 4, 6]
    ]  # 7 frames hold the 4 without a repeat


@pytest.mark.parametrize(("num_frames", "start"), [(300, 118), (64, 0), (66, 1), (20, 0)])
def test_validation_takes_the_middle(num_frames: int, start: int) -> None:
    expected = (start + 2 * np.arange(32)) % num_frames
    assert (sampling.validation_indices(num_frames, DENSE) == expected).all()


def test_dense_training_starts_are_uniform_over_all_that_fit() -> None:
    random = np.random.default_rng(0)
    starts = Counter(int(sampling.train_indices(67, DENSE, random)[0]) for _ in range(4000))
    assert sorted(starts) == [0, 1, 2, 3]  # [0, N - 63)
    assert min(starts.values()) > 900


@pytest.mark.parametrize(
    ("num_frames", "middles"),
    [
        # edges round(i (N - 1) / 4); frame floor((first + last) / 2)
        (10, [1, 3, 5, 8]),  # edges 0, 2, 4 (4.5 to even), 7, 9
        (41, [5, 15, 25, 35]),  # edges 0, 10, 20, 30, 40
        (5, [0, 1, 2, 3]),  # edges 0, 1, 2, 3, 4
        (3, [0, 0, 1, 2]),  # edges 0, 0 (0.5 to even), 1, 2 (1.5 to even), 2
        (1, [0, 0, 0, 0]),
    ],
)
def test_uniform_test_frames_are_the_middles_of_segments(num_frames: int, middles: list[int]) -> None:
    assert sampling.test_indices(num_frames, UNIFORM, 1).tolist() == [middles]
    assert sampling.validation_indices(num_frames, UNIFORM).tolist() == middles


def test_uniform_training_takes_any_frame_of_a_segment_ends_included() -> None:
    random = np.random.default_rng(0)
    drawn = np.stack([sampling.train_indices(10, UNIFORM, random) for _ in range(500)])
    seen = [sorted(set(column.tolist())) for column in drawn.T]
    assert seen == [[0, 1, 2], [2, 3, 4], [4, 5, 6, 7], [7, 8, 9]]


def test_several_uniform_clips_would_be_the_same_clip() -> None:
    with pytest.raises(ConfigError, match="views ask for 4 clips, but with uniform sampling one clip spans"):
        sampling.test_indices(100, UNIFORM, 4)


clips = st.builds(
    ClipSpec,
    num_frames=st.integers(1, 40),
    stride=st.integers(1, 9),
    sampling=st.sampled_from(["dense", "uniform"]),
)


@given(num_frames=st.integers(1, 2000), clip=clips, num_clips=st.integers(1, 12), seed=st.integers(0, 100))
def test_every_plan_stays_in_the_video(num_frames: int, clip: ClipSpec, num_clips: int, seed: int) -> None:
    num_clips = 1 if clip.sampling == "uniform" else num_clips
    train = sampling.train_indices(num_frames, clip, np.random.default_rng(seed))
    test = sampling.test_indices(num_frames, clip, num_clips)
    assert train.shape == (clip.num_frames,)
    assert test.shape == (num_clips, clip.num_frames)
    for indices in (train, test):
        assert indices.dtype == np.int64
        assert indices.min() >= 0
        assert indices.max() < num_frames
    if num_frames >= clip.num_frames * clip.stride or clip.sampling == "uniform":
        assert (np.diff(test, axis=1) >= 0).all()
        assert (np.diff(train) >= 0).all()
    again = sampling.train_indices(num_frames, clip, np.random.default_rng(seed))
    assert (train == again).all()
