"""Video files to frames: exact indices, upright, RGB.

Index i is the i-th picture of a full sequential decode, whatever time stamps, key frames or frame counts the
file claims. Where the packets prove which picture that is, only what it needs is decoded (`data.seeking`);
everywhere else the reader starts at the first picture and stops after the last one asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from videoswin.data.container import Container
from videoswin.data.gate import DEFAULT_LIMITS, Limits, open_regular
from videoswin.data.picture import Pixels, resize_picture
from videoswin.data.sampling import IntArray
from videoswin.data.seeking import NotAsPromisedError
from videoswin.data.segments import FloatArray
from videoswin.data.sizes import output_size
from videoswin.data.upright import Picture
from videoswin.errors import DecodeError
from videoswin.values import Frames, Resize


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoInfo:
    """What a video is, from its header, a count of its packets and its first picture."""

    path: str
    container: str
    codec: str
    declared_frames: int | None
    """Number of pictures the header claims; None where it claims nothing."""
    num_frames: int
    """Number of compressed pictures in the file, counted without decoding."""
    width: int
    """Of the upright picture, in pixels."""
    height: int
    rotation: int
    """Degrees by which the stored picture is turned counter-clockwise for display, -180 to 180."""
    frames_per_second: float
    """Average rate; 0 where the file gives none."""
    seconds: float
    """Duration; 0 where the file gives neither duration nor rate."""


@contextmanager
def open_video(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, num_threads: int = 1
) -> Iterator[Video]:
    """Open a video through the gate.

    num_threads: decoder threads. 1 inside a loader worker; 0 takes all cores, which shortens the wait for a
    single file and costs more CPU time in all. Raises DecodeError.
    """
    name = os.fspath(path)
    with open_regular(name) as file, closing(Container(name, file, limits, num_threads=num_threads)) as held:
        yield Video(name, held, limits)


class Video:
    """One open video file; made by `open_video`."""

    def __init__(self, path: str, container: Container, limits: Limits) -> None:
        self._path = path
        self._container = container
        self._limits = limits
        self.header = container.header
        """What the container says of itself, whether or not its pictures can be decoded."""

    @cached_property
    def info(self) -> VideoInfo:
        """Facts about the video. Decodes the first picture, for the size and the rotation."""
        with closing(self._container.pictures()) as pictures:
            first = next(pictures, None)
        if first is None:
            raise self._nothing_decodable()
        header, num_frames = self.header, self._container.num_frames
        rate = header.frames_per_second
        return VideoInfo(
            path=self._path,
            container=header.container,
            codec=header.codec,
            declared_frames=header.declared_frames,
            num_frames=num_frames,
            width=first.size[1],
            height=first.size[0],
            rotation=first.rotation,
            frames_per_second=rate,
            seconds=header.seconds or (num_frames / rate if rate else 0.0),
        )

    def read(
        self,
        plan: Callable[[int], IntArray],
        *,
        short_side: int | None = None,
        resize: Resize = "bilinear",
    ) -> Frames:
        """The frames that `plan` asks for.

        plan: from the number of pictures in the video to the wanted indices, in any shape and order, repeats
        allowed. It is asked again where fewer pictures can be decoded than the file has packets.
        short_side: resize each picture as it is decoded so that its shorter side has this many pixels.
        resize: the way to, see `ClipSpec.resize`.
        Returns plan(n).size frames in the order of the plan; times are NaN where the file has none.
        Raises DecodeError.
        """
        frames = self._gather(plan(self._container.num_frames).reshape(-1), short_side, resize)
        if isinstance(frames, int):
            num_decodable = frames
            if num_decodable == 0:
                raise self._nothing_decodable()
            frames = self._gather(plan(num_decodable).reshape(-1), short_side, resize)
        assert isinstance(frames, Frames), "the plan went past the number of pictures it was given"
        return frames

    def times(self) -> FloatArray:
        """(num_frames,) seconds at which the pictures are shown, by index. Decodes nothing."""
        return self._container.times()

    def pictures(self) -> Generator[Picture, None, None]:
        """Every picture in order of display, from one decode. Ends at the first fault with DecodeError."""
        return self._container.pictures()

    def count_decodable(self) -> tuple[int, DecodeError | None]:
        """Decode the whole video: the number of sound pictures, and the fault that ended the decoding, if
        any."""
        count = 0
        try:
            for _ in self._container.pictures():
                count += 1
        except DecodeError as fault:
            return count, fault
        return count, None

    def _gather(self, indices: IntArray, short_side: int | None, resize: Resize) -> Frames | int:
        """The frames at `indices`, or the number of pictures in the video where it ends before the last of
        them."""
        if self._container.table is not None and indices.max() < self._container.num_frames:
            try:
                with closing(self._container.pictures_at(np.unique(indices))) as pictures:
                    return self._collect(indices, pictures, short_side, resize)
            except (NotAsPromisedError, DecodeError):
                pass  # what is wrong, if anything, is said by the full decode below
        with closing(self._container.pictures()) as pictures:
            return self._collect(indices, enumerate(pictures), short_side, resize)

    def _collect(
        self,
        indices: IntArray,
        pictures: Iterable[tuple[int, Picture]],
        short_side: int | None,
        resize: Resize,
    ) -> Frames | int:
        """As `_gather`, from (index, picture) in ascending order with every wanted index among them."""
        last = int(indices.max())
        times = np.full(len(indices), np.nan)
        pixels: Pixels | None = None
        index = -1
        for index, picture in pictures:
            if pixels is None:
                height, width = output_size(
                    self._path, *picture.size, short_side=short_side, limits=self._limits
                )
                pixels = np.empty((len(indices), height, width, 3), dtype=np.uint8)
            slots = np.flatnonzero(indices == index)
            if len(slots):
                upright = picture.pixels()
                pixels[slots] = resize_picture(upright, height=height, width=width, resize=resize)
                times[slots] = np.nan if picture.seconds is None else picture.seconds
            if index == last:
                return Frames(pixels=pixels, pts_seconds=times)
        return index + 1

    def _nothing_decodable(self) -> DecodeError:
        return DecodeError(self._path, "V04", f"none of {self._container.num_frames} pictures can be decoded")
