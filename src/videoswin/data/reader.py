"""What reads a video, behind one interface: the choice of a reader is a word.

A folder of numbered pictures is a video too (as Something-Something is often stored).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from videoswin.data.container import Header
from videoswin.data.decode import VideoInfo, open_video
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.data.pictures_folder import open_folder
from videoswin.data.sampling import IntArray
from videoswin.data.segments import FloatArray
from videoswin.data.torchcodec_reader import open_torchcodec
from videoswin.data.untrusted import open_untrusted
from videoswin.errors import DecodeError
from videoswin.values import Frames, Resize


class FrameReader(Protocol):
    """One open video. The same index is the same picture whichever reader reads it; see decode.Video."""

    @property
    def header(self) -> Header:
        """What the file says of itself."""

    @property
    def info(self) -> VideoInfo:
        """Facts about the video. Decodes its first picture."""

    def read(
        self,
        plan: Callable[[int], IntArray],
        *,
        short_side: int | None = None,
        resize: Resize = "bilinear",
    ) -> Frames:
        """The frames that `plan` asks for, given the number of pictures."""

    def times(self) -> FloatArray:
        """Seconds at which the pictures are shown, by index; NaN where nothing says it."""

    def count_decodable(self) -> tuple[int, DecodeError | None]:
        """Decode all of it: the number of sound pictures, and the fault that ended the decoding, if any."""


Reader = Literal["pyav", "torchcodec", "untrusted"]

READERS: dict[Reader, Callable[[str, Limits, int], AbstractContextManager[FrameReader]]] = {
    "pyav": lambda path, limits, threads: open_video(path, limits, num_threads=threads),
    "torchcodec": lambda path, limits, threads: open_torchcodec(path, limits, num_threads=threads),
    "untrusted": lambda path, limits, threads: open_untrusted(path, limits, num_threads=threads),
}
"""How a video file is read. pyav: in this process. torchcodec: by FFmpeg as the system has it (an extra).
untrusted: by PyAV in a process with limits, which a crash, an endless loop or a full memory ends alone."""


def open_reader(
    path: str | os.PathLike[str],
    limits: Limits = DEFAULT_LIMITS,
    *,
    num_threads: int = 1,
    reader: Reader = "pyav",
) -> AbstractContextManager[FrameReader]:
    """Open a video file, or a folder of pictures, through the gate.

    num_threads: decoder threads, see `open_video`. Raises DecodeError, and ConfigError where the reader is
    not installed.
    """
    name = os.fspath(path)
    if os.path.isdir(name) and reader != "untrusted":
        return open_folder(name, limits)
    return READERS[reader](name, limits, num_threads)
