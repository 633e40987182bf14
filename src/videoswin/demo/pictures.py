"""Videos and pictures as text that stands inside a page: data URIs, so that the page needs no other file."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from videoswin.data.decode import open_video

STRIP_FRAMES = 8
BORDER_PX = 12
HOLE_PX = (5, 6)
"""Height and width of a perforation."""
HOLE_STEP_PX = 14


def png_uri(file: Path) -> str:
    return _data_uri("image/png", file.read_bytes())


def video_uri(file: Path) -> str:
    return _data_uri("video/mp4", file.read_bytes())


def strip_uri(video: Path) -> str:
    """STRIP_FRAMES frames of the video, evenly spaced, as a strip of film."""
    with open_video(video) as opened:
        frames = opened.read(
            lambda num_frames: np.linspace(0, num_frames - 1, STRIP_FRAMES).round().astype(np.int64)
        )
    return _data_uri("image/jpeg", _jpeg(film_strip(frames.pixels)))


def film_strip(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Frames side by side between perforated borders. (T, H, W, 3) -> (H + 24, T * (W + 4), 3)."""
    separated = np.pad(frames, ((0, 0), (BORDER_PX, BORDER_PX), (2, 2), (0, 0)), constant_values=24)
    strip = np.concatenate(list(separated), axis=1)
    height, width = HOLE_PX
    margin = (BORDER_PX - height) // 2
    for left in range(HOLE_STEP_PX // 2, strip.shape[1] - width, HOLE_STEP_PX):
        for top in (margin, strip.shape[0] - margin - height):
            strip[top : top + height, left : left + width] = 200
    return strip


def _jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    # Textures with camera noise: as PNG the page would be five times as large.
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, pixels, format="jpeg", pil_kwargs={"quality": 88})
    return file.getvalue()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
