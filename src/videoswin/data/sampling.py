"""Which frames make a clip: index arithmetic only, as the official code has it (paper.md section 7).

`num_frames` is the number of frames of the video, N. Nothing is resampled to a frame rate; strides are in
frames. Indices past the end of a short video start again at its beginning (modulo N).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoswin.errors import ConfigError
from videoswin.values import ClipSpec

IntArray = npt.NDArray[np.int64]


def train_indices(num_frames: int, clip: ClipSpec, random: np.random.Generator) -> IntArray:
    """(T,) indices of one random clip.

    Dense: the start is uniform in [0, N - span + 1), 0 where the video is shorter than the span (T * stride).
    Uniform: in each segment any frame, both ends included, with equal chance.
    """
    if clip.sampling == "uniform":
        first, last = _segments(num_frames, clip.num_frames)
        return np.asarray(random.integers(first, last, endpoint=True))
    num_starts = max(num_frames - _span(clip) + 1, 1)
    return _dense(int(random.integers(num_starts)), num_frames, clip)


def validation_indices(num_frames: int, clip: ClipSpec) -> IntArray:
    """(T,) indices of the clip in the middle: the test clips with one clip."""
    indices: IntArray = test_indices(num_frames, clip, 1)[0]
    return indices


def test_indices(num_frames: int, clip: ClipSpec, num_clips: int) -> IntArray:
    """(num_clips, T) indices of the test clips.

    Dense: clip i starts at int(i * a + a / 2) with a = (N - span + 1) / num_clips, the center of its share of
    the starts, and at 0 where the video is shorter than the span. 4 clips of 32 x 2 of 300 frames start at
    29, 88, 148, 207. Uniform: the middle of each segment, rounded down. There is only one such clip: more
    raise ConfigError.
    """
    if clip.sampling == "uniform":
        if num_clips != 1:
            raise ConfigError(
                f"views ask for {num_clips} clips, but with uniform sampling one clip spans the whole video; "
                "allowed: 1x3 or 1x1"
            )
        first, last = _segments(num_frames, clip.num_frames)
        return ((first + last) // 2)[np.newaxis]  # (1, T)
    average = max(num_frames - _span(clip) + 1, 0) / num_clips
    starts = (np.arange(num_clips) * average + average / 2).astype(np.int64)
    return np.stack([_dense(int(start), num_frames, clip) for start in starts])  # (num_clips, T)


def _span(clip: ClipSpec) -> int:
    """Frames the clip takes from the video, the stride after its last frame included: 32 x 2 = 64."""
    return clip.num_frames * clip.stride


def _dense(start: int, num_frames: int, clip: ClipSpec) -> IntArray:
    return (start + np.arange(clip.num_frames, dtype=np.int64) * clip.stride) % num_frames


def _segments(num_frames: int, num_segments: int) -> tuple[IntArray, IntArray]:
    """First and last frame of each segment, both included; neighbours share their edge.

    Edge i is i * (N - 1) / num_segments rounded half to even, as NumPy does. 10 frames in 4 segments have the
    edges 0, 2, 4, 7, 9.
    """
    edges = np.round((num_frames - 1) / num_segments * np.arange(num_segments + 1)).astype(np.int64)
    return edges[:-1], edges[1:]
