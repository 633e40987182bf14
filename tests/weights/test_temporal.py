"""Another window: what an offset means afterwards, and what must not change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from videoswin.errors import WeightsError
from videoswin.model import SWIN_T
from videoswin.values import Size3
from videoswin.weights.inflate import BIASES
from videoswin.weights.temporal import (
    OFFSETS,
    as_grid,
    resize_space,
    resize_tables,
    resize_time,
    square_side,
    table_window,
)

TABLE = "layers.0.blocks.0.attn.relative_position_bias_table"


def in_time(*values: float) -> Tensor:
    """A table that differs in time alone."""
    return torch.tensor(values)[:, None, None, None].expand(-1, 3, 5, 2).clone()


@pytest.mark.parametrize(
    ("offsets", "frames", "expected"),
    [
        ("stretch", 3, (10.0, 15.0, 20.0, 25.0, 30.0)),
        ("stretch", 4, (10.0, 10 + 10 / 3, 10 + 20 / 3, 20.0, 20 + 10 / 3, 20 + 20 / 3, 30.0)),
        ("stretch", 1, (20.0,)),
        ("keep", 4, (10.0, 10.0, 10.0, 20.0, 30.0, 30.0, 30.0)),
        ("keep", 1, (20.0,)),
    ],
)
def test_offsets_written_out(offsets, frames, expected):
    """From window 2, offsets -1, 0, 1."""
    torch.testing.assert_close(
        resize_time(in_time(10.0, 20.0, 30.0), frames, offsets=offsets), in_time(*expected)
    )


@pytest.mark.parametrize("offsets", list(OFFSETS))
@given(old=st.integers(1, 20), new=st.integers(1, 20), seed=st.integers(0, 9))
def test_a_duplicated_table_is_unchanged_and_offset_0_stays(offsets, old, new, seed):
    random = torch.Generator().manual_seed(seed)
    flat = torch.randn(1, 3, 3, 2, generator=random)
    duplicated = BIASES["duplicate"](flat, old)
    assert torch.equal(resize_time(duplicated, new, offsets=offsets), BIASES["duplicate"](flat, new))
    table = torch.randn(2 * old - 1, 3, 3, 2, generator=random)
    assert torch.equal(resize_time(table, new, offsets=offsets)[new - 1], table[old - 1])


@pytest.mark.parametrize("old", [1, 2, 8])
def test_keep_comes_back_as_it_was_and_stretch_at_the_ends(old):
    table = torch.randn(2 * old - 1, 3, 3, 2)
    assert torch.equal(resize_time(resize_time(table, 16, offsets="keep"), old, offsets="keep"), table)
    stretched = resize_time(table, 16, offsets="stretch")
    torch.testing.assert_close(stretched[[0, 15, 30]], table[[0, old - 1, -1]])


def test_stretch_is_torchs_linear_interpolation():
    table = torch.randn(15, 3, 3, 2)
    expected = torch.nn.functional.interpolate(
        table.flatten(1).T[None], size=31, mode="linear", align_corners=True
    )[0].T.unflatten(1, (3, 3, 2))
    torch.testing.assert_close(resize_time(table, 16, offsets="stretch"), expected)


def test_space_is_resized_as_the_official_code_does():
    flat = torch.randn(169, 4)
    official = flat.T.view(1, 4, 13, 13)
    official = torch.nn.functional.interpolate(official, size=(23, 23), mode="bicubic")
    expected = official.view(4, -1).T
    ours = resize_space(flat.unflatten(0, (1, 13, 13)), Size3(1, 12, 12)).flatten(0, 2)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("new", "rows"), [((16, 7, 7), 5239), ((8, 12, 12), 7935), ((4, 7, 9), 7 * 13 * 17)])
def test_tables_alone_change(new, rows):
    state = {TABLE: torch.randn(2535, 3), "norm.weight": torch.ones(8)}
    changed, number = resize_tables(state, SWIN_T, replace(SWIN_T, window=new))
    assert number == 1
    assert changed[TABLE].shape == (rows, 3)
    assert changed["norm.weight"] is state["norm.weight"]
    assert state[TABLE].shape == (2535, 3)


@pytest.mark.parametrize("shape", [(2534, 3), (2535,), (2535, 3, 1)])
def test_a_table_of_another_window_is_named(shape):
    with pytest.raises(
        WeightsError, match=r"relative_position_bias_table is .*; expected 2535 rows .* 8x7x7"
    ):
        as_grid(torch.zeros(shape), Size3(8, 7, 7), name=TABLE)


GATED_TABLE = "layers.0.blocks.0.temporal.attn.relative_position_bias_table"
TOP_TABLE = "temporal.blocks.1.attn.relative_position_bias_table"


@pytest.mark.parametrize(
    ("design", "name", "window"),
    [
        ("joint", TABLE, (8, 7, 7)),
        ("split", TABLE, (1, 7, 7)),
        ("split", TOP_TABLE, (8, 1, 1)),
        ("factorized", TABLE, (1, 7, 7)),
        ("factorized", GATED_TABLE, (8, 1, 1)),
    ],
)
def test_the_window_of_a_table_is_that_of_its_attention(design, name, window):
    assert table_window(name, replace(SWIN_T, design=design, temporal_bias=True)) == window


@pytest.mark.parametrize(("design", "in_time"), [("split", TOP_TABLE), ("factorized", GATED_TABLE)])
def test_tables_in_space_and_in_time_change_each_in_its_way(design, in_time):
    config = replace(SWIN_T, design=design, temporal_bias=True)
    state = {TABLE: torch.randn(169, 3), in_time: torch.randn(15, 3)}
    longer, number = resize_tables(state, config, replace(config, window=(16, 7, 7)))
    assert (number, longer[TABLE] is state[TABLE]) == (1, True)
    torch.testing.assert_close(longer[in_time][[0, 15, 30]], state[in_time][[0, 7, 14]])
    wider, number = resize_tables(state, config, replace(config, window=(8, 12, 12)))
    assert (number, wider[in_time] is state[in_time]) == (1, True)
    assert wider[TABLE].shape == (529, 3)


def test_a_table_of_one_frame_and_one_that_is_not():
    assert square_side(torch.zeros(169, 3), name=TABLE) == 7
    for shape in ((168, 3), (144, 3), (169,)):
        with pytest.raises(WeightsError, match=r"bias_table is \(.*\); expected \(2S-1\)\^2 rows"):
            square_side(torch.zeros(shape), name=TABLE)
