"""From a stored picture to the one to look at: turned upright, and resized as the published weights saw it.

Legend: T frames, H W pixels before, h w pixels after.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.values import Resize

Pixels = npt.NDArray[np.uint8]


class Orientation(NamedTuple):
    """How a stored picture becomes upright: exchange rows and columns, then flip rows, then flip columns."""

    is_transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @staticmethod
    def of(display_matrix: bytes | None) -> Orientation:
        """Read the container's display matrix, nine little-endian 32-bit numbers, or None where it has none.

        It sends the stored point (x, y) to (a x + c y, b x + d y) with a, b at 0, 1 and c, d at 3, 4. The
        eight upright positions are exact; any other angle goes to the nearest of them.
        """
        if display_matrix is None:
            return Orientation()
        a, b, _, c, d = np.frombuffer(display_matrix, dtype="<i4", count=5).tolist()
        if abs(b) > abs(a):
            return Orientation(is_transposed=True, flip_rows=b < 0, flip_columns=c < 0)
        return Orientation(flip_rows=d < 0, flip_columns=a < 0)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(h, w) of the upright picture."""
        return (width, height) if self.is_transposed else (height, width)

    def apply(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) stored -> (h, w, 3) upright, a view of the same memory."""
        if self.is_transposed:
            pixels = pixels.transpose(1, 0, 2)
        return pixels[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def resize_picture(pixels: Pixels, *, height: int, width: int, resize: Resize = "bilinear") -> Pixels:
    """(H, W, 3) -> (height, width, 3), see `resize_frames`."""
    frames = torch.from_numpy(np.ascontiguousarray(pixels))[None]  # (1, H, W, 3)
    return resize_frames(frames, height=height, width=width, resize=resize)[0].numpy()


def resize_frames(frames: Tensor, *, height: int, width: int, resize: Resize = "bilinear") -> Tensor:
    """(T, H, W, 3) uint8 -> (T, height, width, 3).

    `bilinear`: as OpenCV's INTER_LINEAR, without antialias. `antialias`: as Pillow's BILINEAR; where the
    picture grows, the two agree. Pixel centers are at half-integers. Results are within one level of exact
    arithmetic, as OpenCV's are.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    channels_first = frames.permute(0, 3, 1, 2)  # (T, 3, H, W)
    resized = F.interpolate(
        channels_first,
        size=(height, width),
        mode="bilinear",
        align_corners=False,
        antialias=resize == "antialias",
    )
    return resized.permute(0, 2, 3, 1)  # (T, h, w, 3)
