"""By how much windows shift in every second block (Sec. 3.3; the ablation of Table 6)."""

from __future__ import annotations

from collections.abc import Callable

from videoswin.model.config import Shift
from videoswin.values import Size3


def _in_time_and_space(window: Size3) -> Size3:
    return Size3(*(size // 2 for size in window))


def _in_space(window: Size3) -> Size3:
    return _in_time_and_space(window)._replace(t=0)


def _nowhere(window: Size3) -> Size3:
    return Size3(0, 0, 0)


# window -> shift of an odd block; even blocks never shift
SHIFTS: dict[Shift, Callable[[Size3], Size3]] = {
    "3d": _in_time_and_space,
    "spatial": _in_space,
    "none": _nowhere,
}
