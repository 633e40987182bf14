"""Videos made on the spot in which every picture says its own number, so that a test can see which one it
got."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_BITS = 8


def numbered_picture(number: int, *, height: int = 64, width: int = 96) -> Pixels:
    """The number as eight vertical bars, most significant left, above four patches of different colours."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    bar = width // _BITS
    for bit in range(_BITS):
        picture[: height // 2, bit * bar : (bit + 1) * bar] = 235 if number >> (_BITS - 1 - bit) & 1 else 20
    for patch, colour in enumerate(((200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40))):
        picture[height // 2 :, patch * width // 4 : (patch + 1) * width // 4] = colour
    return picture


def read_number(picture: Pixels) -> int:
    """The number that a picture of `numbered_picture` shows, at any size."""
    height, width = picture.shape[:2]
    centers = [(2 * bit + 1) * (width // _BITS) // 2 for bit in range(_BITS)]
    bars = picture[height // 8 : height * 3 // 8, centers].mean(axis=(0, 2)) > 127
    return int(sum(1 << (_BITS - 1 - bit) for bit in range(_BITS) if bars[bit]))


def read_numbers(pictures: Pixels) -> list[int]:
    return [read_number(picture) for picture in pictures]


def write_video(
    path: Path,
    *,
    num_frames: int = 24,
    height: int = 64,
    width: int = 96,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: int = 25,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation: tuple[float, bool, bool] | None = None,
    container: str | None = None,
) -> Path:
    """A video of the pictures 0 to num_frames - 1. rotation: degrees, then mirrored left to right, top to
    bottom."""
    with av.open(str(path), "w", format=container, options=container_options or {}) as file:
        stream: Any = file.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
        for number in range(num_frames):
            picture = numbered_picture(number, height=height, width=width)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


def gif_bomb(side: int = 11_000) -> bytes:
    """108 bytes that ask for pictures of side x side."""
    size = side.to_bytes(2, "little")
    start = (
        b"GIF89a" + size + size + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    )
    image = b"!\xf9\x04\0\x0a\0\0\0," + b"\0\0\0\0\1\0\1\0" + b"\0\x02\x02D\x01\0"
    return start + image * 3 + b";"
