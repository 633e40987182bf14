"""Pictures to H.264 in an mp4 file: the same pictures at the same times, and the same bytes from the same
input."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, Literal

import av
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from videoswin.data.picture import Pixels
from videoswin.data.upright import Picture

_TIME_BASE = Fraction(1, 720_000)
"""Exact for 24000/1001, 25, 30000/1001, 50, 60 pictures a second and for whole milliseconds."""
_FALLBACK_RATE = 25.0  # pictures a second, where a file gives neither times nor a rate

# x264's look-ahead works on half-size pictures, whose edges it leaves to chance where they are not whole
# blocks: what is decided there differs from run to run (seen at 340x256: 5 files from 8 runs).
_REPEATABLE = "mbtree=0:scenecut=0:b-adapt=0:weightp=0"

_ANIMATIONS: dict[str, tuple[str, str, dict[str, str]]] = {  # container -> codec, pixel format, options
    "gif": ("gif", "rgb8", {}),
    "mp4": ("libx264", "yuv420p", {"preset": "fast", "crf": "18", "x264-params": _REPEATABLE}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """How pictures become a file."""

    short_side: int
    """Pixels; 0 keeps the size. Pictures are never made larger."""
    gop: int
    """Pictures from one key frame to the next: at most so many are decoded to reach any of them."""
    crf: int
    """Quality of x264, 0 (lossless) to 51."""


def output_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """(h, w), even as 4:2:0 needs it, the short side at most `short_side`.

    1080 x 1920 to 256 gives 256 x 456; 241 x 320 keeps its size but for the odd line: 240 x 320.
    """
    scale = min(1.0, short_side / min(height, width)) if short_side else 1.0
    if scale == 1.0:
        return _even_below(height), _even_below(width)
    return _nearest_even(height * scale), _nearest_even(width * scale)


def encode_pictures(
    file: BinaryIO, pictures: Iterable[Picture], *, rate: float, encoding: Encoding, comment: str
) -> int:
    """Write all pictures to an open file and return their number, at least 1.

    rate: of the whole video, used only where pictures have no times. comment: kept in the file, see
    `read_comment`. Raises what reading the pictures raises, and OSError where `file` can't be written.
    """
    options = {"preset": "fast", "crf": str(encoding.crf), "g": str(encoding.gop), "x264-params": _REPEATABLE}
    timed = _with_ticks(pictures, rate)
    first = next(timed)
    height, width = output_size(*first[0].size, encoding.short_side)
    num_pictures = 0
    with av.open(file, "w", format="mp4") as container:
        container.metadata["comment"] = comment
        # The rate only says how long the last picture lasts: each has its own time.
        stream = _video_stream(container, "libx264", rate=_fraction(rate), options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.codec_context.time_base = stream.time_base = _TIME_BASE
        reformatter = VideoReformatter()
        for picture, ticks in itertools.chain([first], timed):
            frame = av.VideoFrame.from_ndarray(picture.pixels(), format="rgb24")
            frame = reformatter.reformat(
                frame, width=width, height=height, format="yuv420p", interpolation="BICUBIC"
            )
            frame.pts, frame.time_base = ticks, _TIME_BASE
            container.mux(stream.encode(frame))
            num_pictures += 1
        container.mux(stream.encode())
    return num_pictures


def read_comment(file: BinaryIO) -> str:
    """The comment of a file that `encode_pictures` wrote; empty for any other file."""
    file.seek(0)
    try:
        with av.open(file, options={"format_whitelist": "mov", "protocol_whitelist": "none"}) as container:
            return container.metadata.get("comment", "")
    except av.FFmpegError:
        return ""


def encode_animation(pictures: Sequence[Pixels], *, rate: int, container: Literal["gif", "mp4"]) -> bytes:
    """Pictures (H, W, 3) of one size as a small file to look at; for mp4 both sides are even."""
    codec, pixel_format, options = _ANIMATIONS[container]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = _video_stream(output, codec, rate=Fraction(rate), options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def _video_stream(
    container: OutputContainer, codec: str, *, rate: Fraction, options: dict[str, str]
) -> VideoStream:
    stream = container.add_stream(codec, rate=rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.codec_context.thread_count = 1  # the workers fill the cores
    return stream


def _with_ticks(pictures: Iterable[Picture], rate: float) -> Iterator[tuple[Picture, int]]:
    """Each picture with its time from the first one on, in ticks of the time base.

    A picture without a time comes one step of `rate` after the last; one whose time is not after that of the
    last comes one tick later, for two pictures can't be shown at once.
    """
    step = round(1 / (_TIME_BASE * _fraction(rate)))
    start, last = None, -step
    for picture in pictures:
        seconds = picture.seconds
        if start is None and seconds is not None:
            start = seconds - (last + step) * float(_TIME_BASE)
        ticks = last + step if seconds is None else round((seconds - (start or 0.0)) / float(_TIME_BASE))
        last = ticks if ticks > last else last + 1
        yield picture, last


def _fraction(rate: float) -> Fraction:
    return Fraction(rate or _FALLBACK_RATE).limit_denominator(100_000)


def _nearest_even(length: float) -> int:
    return max(2 * int(length / 2 + 0.5), 2)


def _even_below(length: int) -> int:
    return max(length - length % 2, 2)
