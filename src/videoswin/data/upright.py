"""From pictures as FFmpeg decodes them to upright RGB."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from videoswin.data.orientation import frame_orientation
from videoswin.data.picture import Pixels


class Converter:
    """From decoded pictures to upright RGB of the first picture's size."""

    def __init__(self, first: VideoFrame, guarded: Callable[..., Any], num_threads: int) -> None:
        self._orientation = frame_orientation(first)
        self._stored_height, self._stored_width = first.height, first.width
        self._guarded = guarded
        self._num_threads = num_threads
        # One for all pictures: `frame.reformat` would build a scaler each time.
        self._reformatter = VideoReformatter()
        self.size = self._orientation.size(first.height, first.width)

    def fits(self, frame: VideoFrame) -> bool:
        """Whether the stored picture has the size of the first."""
        return (frame.height, frame.width) == (self._stored_height, self._stored_width)

    def __call__(self, frame: VideoFrame) -> Pixels:
        pixels: Pixels = self._guarded(partial(self._to_rgb, frame), "conversion to RGB")
        return self._orientation.apply(pixels)

    def _to_rgb(self, frame: VideoFrame) -> Any:
        return self._reformatter.reformat(
            frame,
            width=self._stored_width,
            height=self._stored_height,
            format="rgb24",
            threads=self._num_threads,
        ).to_ndarray()


class Picture:
    """A decoded picture, upright. Converted to RGB only when asked."""

    def __init__(self, frame: VideoFrame, converter: Converter) -> None:
        self._frame = frame
        self._converter = converter
        self.size = converter.size
        self.rotation = frame.rotation
        self.seconds = frame.time

    def pixels(self) -> Pixels:
        """(H, W, 3) RGB of `size`."""
        return self._converter(self._frame)
