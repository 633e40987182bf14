from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib.image import imread

from videoswin.data.film import data_uri, film_strip, strip_uri


def test_film_strip_puts_frames_side_by_side_between_borders() -> None:
    frames = np.stack([np.full((20, 30, 3), value, dtype=np.uint8) for value in (50, 100, 150)])
    strip = film_strip(frames)
    assert strip.shape == (20 + 24, 3 * (30 + 4), 3)
    assert [int(strip[22, column, 0]) for column in (0, 2, 31, 32, 36, 70)] == [24, 50, 50, 24, 100, 150]
    assert set(np.unique(strip[:12])) == set(np.unique(strip[-12:])) == {24, 200}
    np.testing.assert_array_equal(frames[0], 50)


def test_a_strip_stands_in_a_page_as_a_picture() -> None:
    frames = np.zeros((2, 20, 30, 3), dtype=np.uint8)
    kind, text = strip_uri(frames).split(",")
    assert kind == "data:image/jpeg;base64"
    assert imread(io.BytesIO(base64.b64decode(text)), format="jpeg").shape == (20 + 24, 2 * (30 + 4), 3)


def test_a_uri_holds_the_bytes() -> None:
    assert data_uri("image/png", b"\x00\xff") == "data:image/png;base64,AP8="
