from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoswin.demo.motion import COORDINATES, MOTIONS, PAIRS, Path, motion_path

NUM_FRAMES = 24
SEEDS = st.integers(0, 10_000)
LABELS = st.sampled_from(list(MOTIONS))


def path_of(label: str, seed: int) -> Path:
    return motion_path(label, NUM_FRAMES, np.random.default_rng(seed))


def coordinates(path: Path) -> dict[str, np.ndarray]:
    return {"x": path.x, "y": path.y, "angle": path.angle, "size": np.log(path.radius)}


@pytest.mark.parametrize(
    ("label", "moving", "direction"),
    [
        ("slide_left", "x", -1),
        ("slide_right", "x", 1),
        ("turn_clockwise", "angle", 1),
        ("turn_counterclockwise", "angle", -1),
        ("zoom_in", "size", 1),
        ("zoom_out", "size", -1),
    ],
)
@given(seed=SEEDS)
def test_one_coordinate_moves_steadily(label: str, moving: str, direction: int, seed: int) -> None:
    steps = {name: np.diff(values) for name, values in coordinates(path_of(label, seed)).items()}
    assert np.allclose(steps[moving], steps[moving][0])
    assert np.sign(steps[moving][0]) == direction
    assert all(np.all(steps[name] == 0) for name in COORDINATES if name != moving)


@pytest.mark.parametrize(("label", "moving"), [("bounce_across", "x"), ("bounce_upright", "y")])
@given(seed=SEEDS)
def test_bounces_turn_round_in_any_16_frames(label: str, moving: str, seed: int) -> None:
    places = coordinates(path_of(label, seed))
    directions = np.sign(np.diff(places[moving]))
    for start in range(NUM_FRAMES - 16 + 1):
        assert {-1, 1} <= set(directions[start : start + 15])
    assert all(np.ptp(places[name]) == 0 for name in COORDINATES if name != moving)


@pytest.mark.parametrize("pair", PAIRS)
@given(seed=SEEDS)
def test_pairs_are_each_other_played_backwards(pair: tuple[str, str], seed: int) -> None:
    first, second = (coordinates(path_of(label, seed)) for label in pair)
    for name in COORDINATES:
        np.testing.assert_array_equal(first[name], second[name][::-1])


@given(label=LABELS, seed=SEEDS)
def test_the_object_stays_in_the_picture(label: str, seed: int) -> None:
    path = path_of(label, seed)
    assert np.all(np.abs(path.x) <= 0.22)
    assert np.all(np.abs(path.y) <= 0.22)
    assert np.all((path.radius >= 0.20 * (1 - 1e-9)) & (path.radius <= 0.45 * (1 + 1e-9)))


def test_a_random_moment_tells_nothing_of_the_class() -> None:
    """Mean and spread of every coordinate over all moments of many clips are alike in all classes."""
    moments: dict[str, dict[str, np.ndarray]] = {}
    for label in MOTIONS:
        random = np.random.default_rng(0)
        places = [coordinates(motion_path(label, NUM_FRAMES, random)) for _ in range(2000)]
        moments[label] = {name: np.concatenate([place[name] for place in places]) for name in COORDINATES}
        moments[label]["angle"] = np.sin(moments[label]["angle"])
    for name in COORDINATES:
        spread = np.mean([np.std(of_class[name]) for of_class in moments.values()])
        for of_class in moments.values():
            everything = np.concatenate([other[name] for other in moments.values()])
            assert abs(np.mean(of_class[name]) - np.mean(everything)) < 0.06 * spread
            assert abs(np.std(of_class[name]) / spread - 1) < 0.05
