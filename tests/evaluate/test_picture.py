"""The confusion picture: what it shows, and that every size is drawn."""

from __future__ import annotations

import struct
import sys
import warnings

import numpy as np
import pytest

from videoswin.errors import ConfigError
from videoswin.evaluate.picture import draw_confusion, largest_confusions, require_matplotlib


def png_size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("num_classes", [1, 2, 8, 25, 65, 400])
def test_every_size_is_drawn_without_a_warning(num_classes: int) -> None:
    counts = np.random.default_rng(0).poisson(0.2, (num_classes, num_classes)) + 9 * np.eye(
        num_classes, dtype=int
    )
    labels = [f"class $x^$ {index} with a long name\n" for index in range(num_classes)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        width, height = png_size(draw_confusion(counts, labels, title="top-1 50.0% of 8 videos"))
    assert 300 < width < 3600
    assert 300 < height < 3000


def test_a_matrix_without_videos_is_drawn() -> None:
    nothing = np.zeros((30, 30), dtype=np.int64)
    width, height = png_size(draw_confusion(nothing, [str(index) for index in range(30)], title="none"))
    assert min(width, height) > 300


def test_same_counts_same_bytes() -> None:
    one, other = np.array([[3, 1], [0, 2]]), np.array([[3, 0], [1, 2]])
    assert draw_confusion(one, "ab", title="t") == draw_confusion(one.copy(), "ab", title="t")
    assert draw_confusion(one, "ab", title="t") != draw_confusion(other, "ab", title="t")


@pytest.mark.parametrize(
    ("confusion", "limit", "expected"),
    [
        ([[9, 2, 0], [1, 9, 5], [2, 0, 9]], 9, [(5, 1, 2), (2, 0, 1), (2, 2, 0), (1, 1, 0)]),
        ([[9, 2, 0], [1, 9, 5], [2, 0, 9]], 2, [(5, 1, 2), (2, 0, 1)]),
        ([[9, 0], [0, 9]], 9, []),
    ],
)
def test_largest_confusions(
    confusion: list[list[int]], limit: int, expected: list[tuple[int, int, int]]
) -> None:
    counts = np.array(confusion)
    assert largest_confusions(counts, limit) == expected
    assert counts.tolist() == confusion  # the caller's matrix is left alone


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'videoswin\[evaluate\]'"):
        require_matplotlib()
