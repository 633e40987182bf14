"""Small clips of several containers and codecs to damage, for those who give none."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

# file -> encoder, pixel format. Those that PyAV brings.
KINDS = {
    "h264.mp4": ("libx264", "yuv420p"),
    "h264.ts": ("libx264", "yuv420p"),
    "h264.mkv": ("libx264", "yuv420p"),
    "hevc.mov": ("libx265", "yuv420p"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "mpeg4.avi": ("mpeg4", "yuv420p"),
    "mpeg1.mpg": ("mpeg1video", "yuv420p"),
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
    "pictures.gif": ("gif", "rgb8"),
}

_NUM_FRAMES = 24
_SIDE = 64


def write_clips(folder: Path) -> list[Path]:
    """One clip of each kind: 24 pictures of 64x64, a bright square that moves over a ramp."""
    return [_write(folder / name, encoder, pixel_format) for name, (encoder, pixel_format) in KINDS.items()]


def write_different(folder: Path, count: int) -> list[Path]:
    """MPEG-4 clips of 12 pictures of 64x64 that all look different: coloured blocks that move."""
    return [_write_blocks(folder / f"{number}.mp4", seed=number) for number in range(count)]


def _write_blocks(path: Path, *, seed: int) -> Path:
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = _SIDE, _SIDE, "yuv420p"
        for number in range(_NUM_FRAMES // 2):
            picture = np.roll(blocks, seed % 5 * number, axis=1)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


def _write(path: Path, encoder: str, pixel_format: str) -> Path:
    options = {"x265-params": "log-level=none"} if encoder == "libx265" else {}
    with av.open(str(path), "w") as file:
        stream = file.add_stream(encoder, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = _SIDE, _SIDE, pixel_format
        for number in range(_NUM_FRAMES):
            picture = np.zeros((_SIDE, _SIDE, 3), dtype=np.uint8)
            picture[:] = np.linspace(0, 200, _SIDE, dtype=np.uint8)[:, None]
            picture[20:36, 2 * number : 2 * number + 16] = 255
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path
