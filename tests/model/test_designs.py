"""Which attention runs where, written out for every design."""

from __future__ import annotations

from dataclasses import replace

import pytest

from videoswin.model import SWIN_T
from videoswin.model.designs import block_attention, gated_attention, top_attentions

SPACE = ((1, 7, 7), (0, 0, 0), True)
SPACE_SHIFTED = ((1, 7, 7), (0, 3, 3), True)
TIME = ((16, 1, 1), (0, 0, 0), False)
TIME_SHIFTED = ((16, 1, 1), (8, 0, 0), False)


@pytest.mark.parametrize(
    ("design", "window", "blocks", "gated", "top"),
    [
        (
            "joint",
            (8, 7, 7),
            [((8, 7, 7), (0, 0, 0), True), ((8, 7, 7), (4, 3, 3), True)],
            [None, None],
            [],
        ),
        ("joint", (1, 7, 7), [SPACE, SPACE_SHIFTED], [None, None], []),  # spatial only
        ("split", (16, 7, 7), [SPACE, SPACE_SHIFTED], [None, None], [TIME, TIME_SHIFTED]),
        ("factorized", (16, 7, 7), [SPACE, SPACE_SHIFTED], [TIME, TIME_SHIFTED], []),
    ],
)
def test_windows_shifts_and_tables(design, window, blocks, gated, top):
    config = replace(SWIN_T, design=design, window=window)
    for block in range(6):  # even and odd blocks take turns, in every stage the same
        assert block_attention(config, block) == blocks[block % 2]
        assert gated_attention(config, block) == gated[block % 2]
    assert top_attentions(config) == top


@pytest.mark.parametrize(
    ("design", "shift", "block", "temporal"),
    [
        ("joint", "3d", (4, 3, 3), None),
        ("joint", "spatial", (0, 3, 3), None),
        ("joint", "none", (0, 0, 0), None),
        ("split", "3d", (0, 3, 3), (4, 0, 0)),
        ("split", "spatial", (0, 3, 3), (0, 0, 0)),
        ("split", "none", (0, 0, 0), (0, 0, 0)),
        ("factorized", "3d", (0, 3, 3), (4, 0, 0)),
        ("factorized", "spatial", (0, 3, 3), (0, 0, 0)),
        ("factorized", "none", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_shifts_of_odd_blocks(design, shift, block, temporal):
    config = replace(SWIN_T, design=design, shift=shift)
    assert block_attention(config, 1).shift == block
    temporals = [*filter(None, [gated_attention(config, 1)]), *top_attentions(config)[1:]]
    assert [attention.shift for attention in temporals] == ([] if temporal is None else [temporal])


def test_temporal_bias_gives_the_temporal_attentions_a_table():
    split = replace(SWIN_T, design="split", temporal_bias=True)
    factorized = replace(SWIN_T, design="factorized", temporal_bias=True)
    assert [attention.has_bias for attention in top_attentions(split)] == [True, True]
    assert gated_attention(factorized, 0).has_bias
