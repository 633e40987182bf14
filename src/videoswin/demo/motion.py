"""Eight motions as paths of one object. Pure arithmetic: knows neither pictures nor files.

The classes are built so that no single picture gives the class away. An object has four coordinates: x, y,
angle and size. Each takes a random interval that does not depend on the class. In every clip one coordinate
moves through its interval and the others rest at a random place of theirs, so seen at a random moment all
classes have the same distribution. The two classes of a pair run the same path in opposite directions: the
order of time alone tells them apart, and a shuffled clip of one is as likely a shuffled clip of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

Coordinate = Literal["x", "y", "angle", "size"]
COORDINATES: tuple[Coordinate, ...] = ("x", "y", "angle", "size")
BOUNCE_FRAMES = (7.0, 11.0)
"""Frames from one wall to the other, shortest and longest: 16 frames see at least one return."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Path:
    """Where the object is in each of T frames. Each field is (T,) float64; lengths are in picture heights.

    x, y: the centre, from the middle of the picture to the right and down. angle: radians, clockwise on the
    screen. radius: from the centre to the farthest point.
    """

    x: FloatArray
    y: FloatArray
    angle: FloatArray
    radius: FloatArray


def _forwards(num_frames: int, random: np.random.Generator) -> FloatArray:
    return np.linspace(0.0, 1.0, num_frames)


def _backwards(num_frames: int, random: np.random.Generator) -> FloatArray:
    return _forwards(num_frames, random)[::-1]


def _bounces(num_frames: int, random: np.random.Generator) -> FloatArray:
    """Up and down between 0 and 1 at constant speed, from a random phase: at any moment uniform in [0, 1]."""
    passes = random.uniform(0, 2) + np.arange(num_frames) / random.uniform(*BOUNCE_FRAMES)
    return 1 - np.abs(passes % 2 - 1)


MOTIONS: dict[str, tuple[Coordinate, Callable[[int, np.random.Generator], FloatArray]]] = {
    "bounce_across": ("x", _bounces),
    "bounce_upright": ("y", _bounces),
    "slide_left": ("x", _backwards),
    "slide_right": ("x", _forwards),
    "turn_clockwise": ("angle", _forwards),
    "turn_counterclockwise": ("angle", _backwards),
    "zoom_in": ("size", _forwards),
    "zoom_out": ("size", _backwards),
}
"""Class name -> the coordinate that moves and how, as a share of its interval."""

PAIRS: tuple[tuple[str, str], ...] = (
    ("slide_left", "slide_right"),
    ("turn_clockwise", "turn_counterclockwise"),
    ("zoom_in", "zoom_out"),
)
"""Classes that are each other played backwards. The order of the frames alone tells them apart."""


def motion_path(label: str, num_frames: int, random: np.random.Generator) -> Path:
    """Draw the path of one clip of class `label`."""
    intervals = _draw_intervals(random)
    rest = {name: random.uniform() for name in COORDINATES}
    moving, progress = MOTIONS[label]
    place: dict[Coordinate, FloatArray] = {}
    for name, (low, high) in intervals.items():
        share = progress(num_frames, random) if name == moving else np.full(num_frames, rest[name])
        place[name] = low + (high - low) * share
    return Path(x=place["x"], y=place["y"], angle=place["angle"], radius=np.exp(place["size"]))


def _draw_intervals(random: np.random.Generator) -> dict[Coordinate, tuple[float, float]]:
    """The ends of each coordinate in one clip. Size is the logarithm of the radius: zooms look steady."""
    turn_start = random.uniform(0, 2 * np.pi)
    return {
        "x": _interval_within(-0.22, 0.22, lengths=(0.26, 0.38), random=random),
        "y": _interval_within(-0.22, 0.22, lengths=(0.26, 0.38), random=random),
        "angle": (turn_start, turn_start + random.uniform(0.4, 0.8) * np.pi),
        "size": _interval_within(np.log(0.20), np.log(0.45), lengths=(0.45, 0.80), random=random),
    }


def _interval_within(
    low: float, high: float, *, lengths: tuple[float, float], random: np.random.Generator
) -> tuple[float, float]:
    length = random.uniform(*lengths)
    start = random.uniform(low, high - length)
    return start, start + length
