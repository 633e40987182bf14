"""Write the motion data set as real video files: FOLDER/SPLIT/CLASS/NUMBER.mp4."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from videoswin.demo.drawing import draw, draw_look
from videoswin.demo.motion import MOTIONS, motion_path
from videoswin.errors import StorageError

SPLITS = ("train", "validation", "test")
SHUFFLED = "test_shuffled"
"""The split that holds the clips of `test` again, each with its frames in a random order."""

NUM_FRAMES = 24
FRAMES_PER_SECOND = 12
HEIGHT, WIDTH = 96, 128
"""Multiples of 32: x264 looks ahead in half-size pictures, and where these are not whole 16x16 blocks, the
same frames give other files from run to run (seen with 112x96)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipCounts:
    """Clips of each class in each split."""

    train: int
    validation: int
    test: int


def render_clip(label: str, *, seed: int, split: str, number: int) -> npt.NDArray[np.uint8]:
    """The frames (T, H, W, 3) uint8 RGB of one clip of the data set: a function of the arguments alone."""
    random = _random_of(label, seed=seed, split=split, number=number)
    look = draw_look(random)
    path = motion_path(label, NUM_FRAMES, random)
    return draw(path, look, height=HEIGHT, width=WIDTH, random=random)


def _random_of(label: str, *, seed: int, split: str, number: int) -> np.random.Generator:
    identity = (seed, (*SPLITS, SHUFFLED).index(split), list(MOTIONS).index(label), number)
    return np.random.default_rng(np.random.SeedSequence(identity))


def render_data_set(folder: Path, counts: ClipCounts, *, seed: int) -> Iterator[Path]:
    """Write all clips under `folder` and give each path as soon as its file is there.

    The test clips are written twice: as they are, and shuffled under `SHUFFLED`. Raises StorageError.
    """
    for split, count in zip(SPLITS, (counts.train, counts.validation, counts.test), strict=True):
        for number in range(count):
            for label in MOTIONS:
                frames = render_clip(label, seed=seed, split=split, number=number)
                name = Path(label) / f"{number:03d}.mp4"
                yield _write(folder / split / name, encode_video(frames))
                if split == "test":
                    random = _random_of(label, seed=seed, split=SHUFFLED, number=number)
                    shuffled = random.permutation(frames, axis=0)
                    yield _write(folder / SHUFFLED / name, encode_video(shuffled))


def num_files(counts: ClipCounts) -> int:
    """How many files `render_data_set` writes."""
    return len(MOTIONS) * (counts.train + counts.validation + 2 * counts.test)


def encode_video(frames: npt.NDArray[np.uint8]) -> bytes:
    """(T, H, W, 3) uint8 RGB as H.264 in an mp4 file; H and W are even."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"preset": "veryfast", "crf": "20"}
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        # More threads would not help pictures this small.
        stream.codec_context.thread_count = 1
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _write(file: Path, content: bytes) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}") from error
    return file
