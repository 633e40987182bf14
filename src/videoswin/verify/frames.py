"""Frame i is the i-th picture: frames had by index against one decode from the beginning, by checksum."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videoswin.data.decode import open_video
from videoswin.data.reader import Reader, open_reader

_TOGETHER = 8  # indices asked for at once, in no order: there and back, near and far


@dataclass(frozen=True, kw_only=True, slots=True)
class FramesResult:
    """How a video read by index compares with the same video read through."""

    path: str
    num_frames: int
    """In the decode from the beginning."""
    num_compared: int
    wrong: tuple[int, ...]
    """Indices whose picture or time is another."""


def compare_frames(path: str, *, num_indices: int, seed: int, reader: Reader = "pyav") -> FramesResult:
    """Read `num_indices` random frames by index (all, where there are fewer) and compare each with the
    sequential decode, pixel for pixel. Raises DecodeError."""
    with open_video(path) as video:
        expected = [_checksum(picture.pixels()) for picture in video.pictures()]
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(expected))[:num_indices]
    wrong = []
    with open_reader(path, reader=reader) as video:
        for start in range(0, len(chosen), _TOGETHER):
            indices = chosen[start : start + _TOGETHER]
            frames = video.read(lambda num_frames, indices=indices: indices)  # type: ignore[misc]
            found = [_checksum(pixels) for pixels in frames.pixels]
            wrong += [i for i, sum_ in zip(indices.tolist(), found, strict=True) if sum_ != expected[i]]
    return FramesResult(
        path=path, num_frames=len(expected), num_compared=len(chosen), wrong=tuple(sorted(wrong))
    )


def _checksum(pixels: npt.NDArray[Any]) -> str:
    return hashlib.md5(np.ascontiguousarray(pixels).tobytes(), usedforsecurity=False).hexdigest()
