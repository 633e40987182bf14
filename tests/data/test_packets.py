"""What may be left undecoded, on written-out packets: `I` starts, `P` is needed by others, `b` by none."""

from __future__ import annotations

import numpy as np
import pytest

from videoswin.data.bitstream import Peek
from videoswin.data.packets import PacketTable, Stamp, Survey

_PEEKS = {
    "I": Peek(True, resets=True, parameters=b"size"),
    "P": Peek(True),
    "b": Peek(True, is_unused=True),
    "J": Peek(True, resets=True, parameters=b"another size"),
    "?": Peek(False),
}


def survey(kinds: str, times: list[int | None], *, depth: int = 1, cut: str = "") -> PacketTable | None:
    """A table of packets stored in this order. cut: numbers of those that an edit list leaves out."""
    collected = Survey(lambda content: _PEEKS[content.decode()], depth)
    for number, (kind, time) in enumerate(zip(kinds, times, strict=True)):
        stamp = None if time is None else Stamp(time, 100, number)
        is_key = kind in "IJ"
        collected.add(kind.encode(), stamp, dts=number, is_key=is_key, is_cut=str(number) in cut)
    return collected.table()


def test_the_order_of_display_and_the_places_to_start() -> None:
    table = survey("IPbPbIPb", [0, 20, 10, 40, 30, 50, 70, 60])
    assert table is not None
    assert table.safe.tolist() == [0, 5]
    assert table.position_of.tolist() == [0, 2, 1, 4, 3, 5, 7, 6]
    assert table.index_of == {0: 0, 10: 1, 20: 2, 30: 3, 40: 4, 50: 5, 60: 6, 70: 7}


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ([0], [(0, 1, [0])]),
        ([1], [(0, 3, [0, 1, 2])]),
        ([2], [(0, 2, [0, 1])]),
        ([4], [(0, 4, [0, 1, 3])]),
        ([5], [(5, 6, [5])]),
        ([3, 6], [(0, 5, [0, 1, 3, 4]), (5, 8, [5, 6, 7])]),
        ([7], [(5, 7, [5, 6])]),
    ],
)
def test_the_least_to_decode(wanted: list[int], parts: list[tuple[int, int, list[int]]]) -> None:
    table = survey("IPbPbIPb", [0, 20, 10, 40, 30, 50, 70, 60])
    assert table is not None
    found = [(part.start, part.stop, part.needed.tolist()) for part in table.parts(np.array(wanted))]
    assert found == parts


def test_pictures_that_an_edit_list_cuts_away_have_no_index() -> None:
    table = survey("IPPIP", [-20, -10, 0, 10, 20], depth=0, cut="01")
    assert table is not None
    assert table.position_of.tolist() == [2, 3, 4]
    assert [part.needed.tolist() for part in table.parts(np.array([0]))] == [[0, 1, 2]]


def test_a_key_picture_with_pictures_shown_before_it_is_no_place_to_start() -> None:
    table = survey("IPbIbP", [0, 20, 10, 40, 30, 50])
    assert table is not None
    assert table.safe.tolist() == [0]


@pytest.mark.parametrize(
    ("kinds", "times", "depth"),
    [
        ("IPP", [0, None, 2], 0),
        ("IPP", [0, 1, 1], 0),
        ("I?P", [0, 1, 2], 0),
        ("IPJP", [0, 1, 2, 3], 0),
        ("PIP", [0, 1, 2], 0),
        ("IPbIPb", [0, 20, 10, 30, 50, 40], 0),
        ("IPP", [0, 1, 2], 1),
        ("", [], 0),
    ],
    ids=[
        "no time",
        "the same time twice",
        "several pictures in a packet",
        "another size",
        "no start",
        "the decoder would drop pictures",
        "times of storage",
        "nothing",
    ],
)
def test_what_cannot_be_proven_has_no_table(kinds: str, times: list[int | None], depth: int) -> None:
    assert survey(kinds, times, depth=depth) is None
