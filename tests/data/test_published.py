"""The published protocol case by case, every frame and every box written out (paper.md section 7, after the
official code). How these numbers come about is in test_sampling.py and test_crops.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.material import write_video
from videoswin.data import clips, sampling
from videoswin.data.augment import Augment
from videoswin.data.crops import center_crop, short_side_size, three_crops
from videoswin.values import ClipSpec, Views, default_views

KINETICS = ClipSpec(num_frames=32, stride=2, size=224, sampling="dense")
SOMETHING = ClipSpec(num_frames=32, size=224, sampling="uniform")


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def every(stride: int, start: int, stop: int) -> list[int]:
    return list(range(start, stop, stride))


@pytest.mark.parametrize(
    ("num_frames", "frames"),
    [
        # N > 64: start = int((N - 63) / 2), every second frame
        (300, every(2, 118, 182)),
        (250, every(2, 93, 157)),
        (65, every(2, 1, 65)),
        # N = 64: all even ones
        (64, every(2, 0, 64)),
        # N < 64: from 0, modulo N
        (63, [*every(2, 0, 63)]),  # 0 .. 62: the last index, 62, is still inside
        (62, [*every(2, 0, 62), 0]),
        (61, [*every(2, 0, 61), 1]),
        (40, [*every(2, 0, 40), *every(2, 0, 24)]),
        (33, [*every(2, 0, 33), *every(2, 1, 30)]),  # an odd length comes back on the odd frames
        (10, numbers("0 2 4 6 8 " * 6 + "0 2")),
        (7, [0, 2, 4, 6, 1, 3, 5] * 4 + [0, 2, 4, 6]),
        (2, [0] * 32),
        (1, [0] * 32),
    ],
)
def test_kinetics_validation_frames(num_frames: int, frames: list[int]) -> None:
    assert sampling.validation_indices(num_frames, KINETICS).tolist() == frames


@pytest.mark.parametrize(
    ("num_frames", "clips_of_frames"),
    [
        # avg = (N - 63) / 4, start int(i avg + avg / 2)
        (300, [every(2, start, start + 64) for start in (29, 88, 148, 207)]),
        (250, [every(2, start, start + 64) for start in (23, 70, 116, 163)]),
        (128, [every(2, start, start + 64) for start in (8, 24, 40, 56)]),  # avg = 16.25
        (70, [every(2, start, start + 64) for start in (0, 2, 4, 6)]),  # avg = 1.75
        (65, [every(2, 0, 64), every(2, 0, 64), every(2, 1, 65), every(2, 1, 65)]),
        (64, [every(2, 0, 64)] * 4),
        (40, [[*every(2, 0, 40), *every(2, 0, 24)]] * 4),
        (9, [[0, 2, 4, 6, 8, 1, 3, 5, 7] * 3 + [0, 2, 4, 6, 8]] * 4),
    ],
)
def test_kinetics_test_frames(num_frames: int, clips_of_frames: list[list[int]]) -> None:
    assert sampling.test_indices(num_frames, KINETICS, 4).tolist() == clips_of_frames


@pytest.mark.parametrize(
    ("num_frames", "starts"),
    [
        (300, range(237)),  # [0, N - 63)
        (66, range(3)),
        (65, range(2)),
        (64, range(1)),  # N <= 64: 0
        (63, range(1)),
        (10, range(1)),
    ],
)
def test_kinetics_training_frames(num_frames: int, starts: range) -> None:
    found = set()
    for seed in range(40 * len(starts) if len(starts) < 10 else 2500):
        frames = sampling.train_indices(num_frames, KINETICS, np.random.default_rng(seed)).tolist()
        assert frames == [(frames[0] + 2 * step) % num_frames for step in range(32)]
        found.add(frames[0])
    assert found == set(starts)


@pytest.mark.parametrize(
    ("num_frames", "edges", "middles"),
    [
        # s = (N - 1) / 32, edge i is round(s i), halves to even; the test frame is floor((first + last) / 2)
        (33, list(range(33)), list(range(32))),
        (65, every(2, 0, 65), every(2, 1, 65)),
        (
            49,  # s = 1.5
            numbers(
                "0 2 3 4 6 8 9 10 12 14 15 16 18 20 21 22 24 26 27 28 30 32 33 34 36 38 39 40 42 44 45 46 48"
            ),
            numbers(
                "1 2 3 5 7 8 9 11 13 14 15 17 19 20 21 23 25 26 27 29 31 32 33 35 37 38 39 41 43 44 45 47"
            ),
        ),
        (
            17,  # s = 0.5: shorter than the clip, frames repeat in order
            numbers("0 0 1 2 2 2 3 4 4 4 5 6 6 6 7 8 8 8 9 10 10 10 11 12 12 12 13 14 14 14 15 16 16"),
            numbers("0 0 1 2 2 2 3 4 4 4 5 6 6 6 7 8 8 8 9 10 10 10 11 12 12 12 13 14 14 14 15 16"),
        ),
        (1, [0] * 33, [0] * 32),
    ],
)
def test_something_something_frames(num_frames: int, edges: list[int], middles: list[int]) -> None:
    assert sampling.test_indices(num_frames, SOMETHING, 1).tolist() == [middles]
    assert sampling.validation_indices(num_frames, SOMETHING).tolist() == middles
    drawn = np.stack(
        [sampling.train_indices(num_frames, SOMETHING, np.random.default_rng(seed)) for seed in range(100)]
    )
    assert drawn.min(axis=0).tolist() == edges[:-1]  # both ends of a segment are drawn
    assert drawn.max(axis=0).tolist() == edges[1:]


def test_the_stride_means_nothing_to_uniform_sampling() -> None:
    strided = ClipSpec(num_frames=32, stride=7, size=224, sampling="uniform")
    assert (sampling.test_indices(99, strided, 1) == sampling.test_indices(99, SOMETHING, 1)).all()


@pytest.mark.parametrize(
    ("height", "width", "to_256", "to_224"),
    [
        # int(x * scale + 0.5). To 256: training and validation. To 224: test.
        (256, 340, (256, 340), (224, 298)),  # 297.5 rounds up
        (340, 256, (340, 256), (298, 224)),
        (240, 320, (256, 341), (224, 299)),  # 341.33, 298.67
        (320, 240, (341, 256), (299, 224)),
        (360, 640, (256, 455), (224, 398)),  # 455.11, 398.22
        (1080, 1920, (256, 455), (224, 398)),
        (1920, 1080, (455, 256), (398, 224)),
        (720, 1280, (256, 455), (224, 398)),
        (100, 176, (256, 451), (224, 394)),  # 450.56, 394.24: small ones grow
        (240, 427, (256, 455), (224, 399)),  # Something-Something
        (300, 300, (256, 256), (224, 224)),
    ],
)
def test_short_sides(height: int, width: int, to_256: tuple[int, int], to_224: tuple[int, int]) -> None:
    assert short_side_size(height, width, 256) == to_256
    assert short_side_size(height, width, 224) == to_224


@pytest.mark.parametrize(
    ("height", "width", "top_left"),
    [
        (256, 340, (16, 58)),
        (256, 341, (16, 58)),  # 117 / 2
        (340, 256, (58, 16)),
        (256, 455, (16, 115)),
        (256, 256, (16, 16)),
        (256, 257, (16, 16)),
    ],
)
def test_the_crop_of_validation(height: int, width: int, top_left: tuple[int, int]) -> None:
    assert center_crop(height, width, 224) == (*top_left, 224, 224)


@pytest.mark.parametrize(
    ("height", "width", "offsets"),
    [
        # s = (long - 224) // 2; left, right, middle at 0, 2 s, s. Odd: the right crop misses the last column.
        (224, 298, (0, 74, 37)),
        (224, 299, (0, 74, 37)),
        (224, 398, (0, 174, 87)),
        (224, 399, (0, 174, 87)),
        (224, 225, (0, 0, 0)),
        (224, 226, (0, 2, 1)),
        (224, 224, (0, 0, 0)),
    ],
)
def test_the_crops_of_testing(height: int, width: int, offsets: tuple[int, int, int]) -> None:
    assert three_crops(height, width, 224) == tuple((0, left, 224, 224) for left in offsets)
    # Tall: top, bottom, middle.
    assert three_crops(width, height, 224) == tuple((top, 0, 224, 224) for top in offsets)


def test_views_of_a_tall_video_are_top_bottom_and_middle(tmp_path: Path) -> None:
    spec = ClipSpec(num_frames=2, stride=2, size=32)
    tall = write_video(tmp_path / "tall.mp4", num_frames=8, height=64, width=32)
    views = clips.test_views(tall, spec, Views(clips=2, crops=3))
    with clips.open_reader(tall) as video:
        # a = (8 - 3) / 2: starts int(1.25), int(3.75)
        read = [video.read(lambda n, start=start: np.array([start, start + 2])) for start in (1, 3)]
    for index, (top, clip) in enumerate([(0, 0), (0, 1), (32, 0), (32, 1), (16, 0), (16, 1)]):
        expected = read[clip].pixels[:, top : top + 32]
        assert (views[index].permute(1, 2, 3, 0).numpy() == expected).all(), index


def test_how_many_views() -> None:
    assert default_views(KINETICS) == Views(clips=4, crops=3)
    assert default_views(SOMETHING) == Views(clips=1, crops=3)


def test_no_flip_means_none(tmp_path: Path) -> None:
    """Something-Something: of many clips not one is a mirror image."""
    video = write_video(tmp_path / "a.mp4", num_frames=8, height=32, width=32)
    spec = ClipSpec(num_frames=2, size=32, sampling="uniform")
    never = Augment(crop_area=(1.0, 1.0), flip_probability=0.0)
    for seed in range(30):
        look = clips.train_look(video, spec, never, np.random.default_rng(seed))
        assert not look.is_flipped
        red, blue = look.pixels[0, 0, :, -8:, :8].float().mean(), look.pixels[0, 2, :, -8:, :8].float().mean()
        assert red > blue + 50  # the red patch stays at the left
