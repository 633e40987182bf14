"""A part of a long video that is a sample of its own, in frames or seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from videoswin.data.sampling import IntArray
from videoswin.errors import DecodeError

FloatArray = npt.NDArray[np.float64]
Unit = Literal["frames", "seconds"]
Plan = Callable[[int], IntArray]
"""From the number of frames to the wanted indices, see `Video.read`."""
Times = Callable[[], FloatArray]
"""The presentation times of all frames of the video in order, (N,) seconds."""

OUTSIDE = "A17"
"""Code of the DecodeError for a segment that its video does not hold."""

# Ends are often rounded up to whole seconds.
_ROUNDING_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """The frames that begin in [start, stop): `stop` itself is not among them.

    frames: indices from 0, whole numbers. seconds: presentation time, counted from the first frame.
    """

    start: float
    stop: float
    unit: Unit

    def __str__(self) -> str:
        return f"{self.unit} {self.start:g} to {self.stop:g}"

    def overlaps(self, other: Segment) -> bool:
        """Whether the two may share a frame; those of different units may."""
        return self.unit != other.unit or (self.start < other.stop and other.start < self.stop)


def frame_range(segment: Segment, *, path: str, num_frames: int, times: Times) -> tuple[int, int]:
    """[first, end) of the frames in the segment.

    times is asked for seconds alone. A segment in seconds may end up to a second after the last frame does.
    Raises DecodeError A17 where the segment is not inside the video or between two of its frames.
    """
    if segment.unit == "frames":
        if segment.stop > num_frames:
            raise DecodeError(path, OUTSIDE, f"{segment} are asked for; the video has {num_frames}")
        return int(segment.start), int(segment.stop)
    seconds = times()[:num_frames]
    if np.isnan(seconds).any():
        raise DecodeError(path, OUTSIDE, f"{segment} are asked for; the file says no times")
    seconds = seconds - seconds[0]
    end = float(seconds[-1]) * (1 + 1 / max(len(seconds) - 1, 1))  # the last frame lasts as long as the mean
    if segment.start >= end or segment.stop > end + _ROUNDING_SECONDS:
        raise DecodeError(path, OUTSIDE, f"{segment} are asked for; the video lasts {end:.3f} s")
    first, stop = np.searchsorted(seconds, (segment.start, segment.stop), side="left").tolist()
    if first == stop:
        raise DecodeError(path, OUTSIDE, f"no frame begins in {segment}")
    return first, stop


def within(segment: Segment | None, plan: Plan, *, path: str, times: Times) -> Plan:
    """The same plan on the frames of the segment alone: it is told their number, and its indices count from
    the first of them."""
    if segment is None:
        return plan

    def restricted(num_frames: int) -> IntArray:
        first, stop = frame_range(segment, path=path, num_frames=num_frames, times=times)
        return first + plan(stop - first)

    return restricted


def display_times(stamps: Sequence[int | None], *, time_base: Fraction | None, rate: float) -> FloatArray:
    """(N,) seconds at which pictures are shown, ascending, from the time stamps of their packets.

    Where stamps are missing (AVI has none), the pictures come at the rate of the file; NaN without a rate.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    if time_base is not None and len(known) == len(stamps):
        return np.sort(np.array(known, dtype=np.float64)) * float(time_base)
    return np.arange(len(stamps), dtype=np.float64) / (rate if rate > 0 else np.nan)
