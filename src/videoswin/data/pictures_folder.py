"""A folder of numbered pictures as a video: img_00001.jpg, img_00002.jpg ... (Something-Something is often
stored so)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from videoswin.data.container import Header
from videoswin.data.decode import VideoInfo
from videoswin.data.gate import DEFAULT_LIMITS, Limits, read_picture
from videoswin.data.picture import Pixels, resize_picture
from videoswin.data.sampling import IntArray
from videoswin.data.segments import FloatArray
from videoswin.data.sizes import output_size
from videoswin.data.still import read_still
from videoswin.errors import DecodeError, printable
from videoswin.values import Frames, Resize

PICTURE_EXTENSIONS = (".jpg", ".jpeg", ".png")


@contextmanager
def open_folder(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Iterator[PictureFolder]:
    """Open a folder of pictures. Raises DecodeError."""
    yield PictureFolder(os.fspath(path), limits)


class PictureFolder:
    """The pictures of a folder in the order of their numbers, as a video without times; made by
    `open_folder`.

    All names are alike but for the number: `flow_x_0001.jpg` beside `img_0001.jpg` would be two videos.
    Other files and folders don't count. The pictures must agree in size with the first. The interface is that
    of `decode.Video`.
    """

    def __init__(self, path: str, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._names, numbers = _numbered_pictures(path)
        if len(self._names) > limits.max_frames:
            raise DecodeError(
                path, "V19", f"{len(self._names):,} pictures exceed max_frames = {limits.max_frames:,}"
            )
        with self._of_picture(0):
            _, decoder = read_picture(self._file(0), limits)
        self.header = Header(
            container="folder of pictures",
            codec=decoder.replace("mjpeg", "jpeg"),
            declared_frames=numbers[-1] - numbers[0] + 1,
            frames_per_second=0.0,
            seconds=0.0,
        )

    @cached_property
    def info(self) -> VideoInfo:
        """See decode.Video. The numbers of the first and the last picture declare how many there are."""
        height, width = self._first.shape[:2]
        return VideoInfo(
            path=self._path,
            container=self.header.container,
            codec=self.header.codec,
            declared_frames=self.header.declared_frames,
            num_frames=len(self._names),
            width=width,
            height=height,
            rotation=0,
            frames_per_second=0.0,
            seconds=0.0,
        )

    def read(
        self,
        plan: Callable[[int], IntArray],
        *,
        short_side: int | None = None,
        resize: Resize = "bilinear",
    ) -> Frames:
        """See decode.Video. Times are NaN."""
        indices = plan(len(self._names)).reshape(-1)
        height, width = output_size(
            self._path, *self._first.shape[:2], short_side=short_side, limits=self._limits
        )
        pixels = np.empty((len(indices), height, width, 3), dtype=np.uint8)
        for index in np.unique(indices).tolist():
            picture = resize_picture(self._picture(index), height=height, width=width, resize=resize)
            pixels[indices == index] = picture
        return Frames(pixels=pixels, pts_seconds=np.full(len(indices), np.nan))

    def times(self) -> FloatArray:
        """See decode.Video: NaN, nothing says when a picture is shown."""
        return np.full(len(self._names), np.nan)

    def count_decodable(self) -> tuple[int, DecodeError | None]:
        """See decode.Video."""
        for index in range(len(self._names)):
            try:
                self._picture(index)
            except DecodeError as fault:
                return index, fault
        return len(self._names), None

    @cached_property
    def _first(self) -> Pixels:
        with self._of_picture(0):
            return read_still(self._file(0), self._limits)

    def _picture(self, index: int) -> Pixels:
        with self._of_picture(index):
            picture = read_still(self._file(index), self._limits)
        if picture.shape != self._first.shape:
            (height, width), (first_height, first_width) = picture.shape[:2], self._first.shape[:2]
            sizes = f"{width}x{height}, the first {first_width}x{first_height}"
            raise DecodeError(self._path, "V27", f"picture {index} ({self._shown(index)}) is {sizes}")
        return picture

    @contextmanager
    def _of_picture(self, index: int) -> Iterator[None]:
        """A fault of a picture is one of the folder."""
        try:
            yield
        except DecodeError as error:
            reason = f"picture {index} ({self._shown(index)}): {error.reason}"
            raise DecodeError(self._path, error.code, reason) from error

    def _file(self, index: int) -> str:
        return os.path.join(self._path, self._names[index])

    def _shown(self, index: int) -> str:
        return printable(self._names[index])


def _numbered_pictures(path: str) -> tuple[list[str], list[int]]:
    """Names of the pictures in a folder and their numbers, in the order of the numbers."""
    try:
        listed = os.listdir(path)
    except OSError as error:
        raise DecodeError(path, "V34", f"can't be listed: {error.strerror}") from error
    names = [n for n in listed if n.lower().endswith(PICTURE_EXTENSIONS) and not n.startswith(".")]
    if not names:
        known = ", ".join(PICTURE_EXTENSIONS)
        raise DecodeError(path, "V33", f"a directory that holds no pictures ({known}), so no video")
    by_number: dict[int, str] = {}
    series: dict[tuple[str, str], str] = {}
    for name in sorted(names):
        match = re.fullmatch(r"(.*?)([0-9]{1,15})(\.[^.]*)", name, re.DOTALL)
        if match is None:
            raise DecodeError(path, "V33", f"{printable(name)!r} has no number; expected img_00001.jpg ...")
        series.setdefault((match[1], match[3]), name)
        other = by_number.setdefault(int(match[2]), name)
        if len(series) > 1 or other != name:
            pair = " and ".join(sorted({*series.values(), other, name})[:2])
            raise DecodeError(path, "V33", f"pictures of more than one series: {printable(pair)}")
    numbers = sorted(by_number)
    return [by_number[number] for number in numbers], numbers
