"""The size that the pictures of a video are read at."""

from __future__ import annotations

from videoswin.data.crops import short_side_size
from videoswin.data.gate import Limits, check_size
from videoswin.errors import DecodeError

# Scaling the short side up scales the long one with it: a line of 4096x1 would become 917,504x224.
_MAX_ASPECT = 16


def output_size(
    path: str, height: int, width: int, *, short_side: int | None, limits: Limits
) -> tuple[int, int]:
    """(h, w) after scaling to `short_side`, None to keep the size. Raises DecodeError V18, V25."""
    if short_side is None:
        return height, width
    if max(height, width) > _MAX_ASPECT * min(height, width):
        limit = f"{_MAX_ASPECT} times as long as wide"
        raise DecodeError(path, "V25", f"pictures of {width}x{height} are more than {limit}")
    height, width = short_side_size(height, width, short_side)
    check_size(path, width, height, limits)
    return height, width
