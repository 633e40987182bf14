"""Frames as a strip of film; pictures as text that stands inside a page, so that it needs no other file."""

from __future__ import annotations

import base64
import io

import numpy as np

from videoswin.data.picture import Pixels

BORDER_PX = 12
HOLE_PX = (5, 6)
"""Height and width of a perforation."""
HOLE_STEP_PX = 14


def film_strip(frames: Pixels) -> Pixels:
    """Frames side by side between perforated borders. (T, H, W, 3) -> (H + 24, T * (W + 4), 3)."""
    separated = np.pad(frames, ((0, 0), (BORDER_PX, BORDER_PX), (2, 2), (0, 0)), constant_values=24)
    strip = np.concatenate(list(separated), axis=1)
    height, width = HOLE_PX
    margin = (BORDER_PX - height) // 2
    for left in range(HOLE_STEP_PX // 2, strip.shape[1] - width, HOLE_STEP_PX):
        for top in (margin, strip.shape[0] - margin - height):
            strip[top : top + height, left : left + width] = 200
    return strip


def strip_uri(frames: Pixels) -> str:
    """The strip of (T, H, W, 3) as a data URI."""
    return data_uri("image/jpeg", _jpeg(film_strip(frames)))


def data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _jpeg(pixels: Pixels) -> bytes:
    # Textures with camera noise: as PNG the page would be five times as large.
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, pixels, format="jpeg", pil_kwargs={"quality": 88})
    return file.getvalue()
