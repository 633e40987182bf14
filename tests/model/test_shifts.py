from __future__ import annotations

import pytest

from videoswin.model.shifts import SHIFTS
from videoswin.values import Size3


@pytest.mark.parametrize(
    ("name", "window", "shift"),
    [
        ("3d", (8, 7, 7), (4, 3, 3)),
        ("3d", (16, 12, 12), (8, 6, 6)),
        ("3d", (1, 7, 7), (0, 3, 3)),
        ("3d", (16, 1, 1), (8, 0, 0)),
        ("spatial", (8, 7, 7), (0, 3, 3)),
        ("spatial", (16, 1, 1), (0, 0, 0)),
        ("none", (8, 7, 7), (0, 0, 0)),
    ],
)
def test_shift_of_a_window(name, window, shift):
    assert SHIFTS[name](Size3(*window)) == shift
