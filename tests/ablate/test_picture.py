from __future__ import annotations

import io

import matplotlib.image
import pytest

from tests.ablate.test_summary import row
from videoswin.ablate.picture import draw_table


@pytest.mark.parametrize("order", [False, True])
def test_a_second_panel_shows_the_order_of_time(order: bool) -> None:
    one = matplotlib.image.imread(io.BytesIO(draw_table("Table 4", [row(order=order)] * 3)))
    narrow = matplotlib.image.imread(io.BytesIO(draw_table("Table 4", [row(order=False)] * 3)))
    assert (one.shape[1] > narrow.shape[1]) == order
    assert one.std() > 0.05  # something is drawn
