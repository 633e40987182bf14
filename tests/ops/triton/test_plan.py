"""The tables of boxes, checked against literal walks over the grid."""

from __future__ import annotations

import itertools

import pytest
import torch

from videoswin.ops.triton.plan import NO_BIAS, pairs, plan, row_size, tiles
from videoswin.ops.windows import relative_position_index
from videoswin.values import Size3

CPU = torch.device("cpu")
CASES = [
    ((4, 6, 6), (2, 3, 3), (0, 0, 0)),
    ((6, 9, 3), (2, 3, 3), (1, 1, 1)),
    ((3, 7, 8), (2, 3, 3), (1, 2, 1)),
    ((4, 2, 2), (2, 3, 3), (1, 1, 1)),
]


def made(grid, window, shift, *, legacy=False):
    return plan(
        Size3(*grid), window=Size3(*window), shift=Size3(*shift), legacy_bias_index=legacy, device=CPU
    )


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_every_token_has_one_place(grid, window, shift, legacy):
    boxes = made(grid, window, shift, legacy=legacy)
    rows = boxes.rows[boxes.rows >= 0]
    assert rows.sort().values.tolist() == list(range(Size3(*grid).volume))
    assert boxes.has_padding == (len(rows) < boxes.num_places)
    assert sum(block.length * block.num_boxes for block in boxes.blocks) == boxes.num_places


@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_blocks_of_equal_bias_are_shared(grid, window, shift):
    boxes = made(grid, window, shift)
    shapes = {(block.length, block.bias) for block in boxes.blocks}
    assert len(shapes) == len(boxes.blocks) <= 18


def test_a_shifted_block_of_the_paper_has_eighteen_blocks():
    """Time 4 | 8 | 4, height and width 3 | 7 ... 7 | 4 tokens, times two and three shapes an axis."""
    boxes = made((16, 56, 56), (8, 7, 7), (4, 3, 3))
    assert len(boxes.blocks) == 2 * 3 * 3
    assert max(block.length for block in boxes.blocks) == 392
    assert sum(block.num_boxes for block in boxes.blocks) == 3 * 9 * 9


def test_the_bias_of_a_block_is_that_of_its_first_box():
    boxes = made((6, 9, 3), (2, 3, 3), (1, 1, 1))
    expected = relative_position_index(Size3(2, 3, 3), Size3(2, 3, 3), device=CPU)
    (block,) = (block for block in boxes.blocks if block.length == 18)
    size = row_size(18)
    index = boxes.bias_index[block.bias * 16 :][: 18 * size].view(18, size)
    assert torch.equal(index[:, :18].long(), expected)
    assert (index[:, 18:] == NO_BIAS).all()


@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_fold_lists_every_pair_under_its_row(grid, window, shift):
    boxes = made(grid, window, shift)
    assert sorted(boxes.fold_order.tolist()) == (boxes.bias_index != NO_BIAS).nonzero().flatten().tolist()
    for row, (start, stop) in enumerate(itertools.pairwise(boxes.fold_starts.tolist())):
        assert (boxes.bias_index[boxes.fold_order[start:stop].long()] == row).all()


def test_tiles_cover_every_box_and_pairs_every_block():
    boxes = made((4, 6, 6), (2, 3, 3), (0, 1, 1))
    covered = [
        first + token
        for first, length, start, _ in tiles(boxes.blocks, 16, device=CPU).tolist()
        for token in range(start, min(start + 16, length))
    ]
    assert sorted(covered) == list(range(boxes.num_places))
    table = pairs(boxes.blocks, (16, 8), device=CPU).tolist()
    assert len(table) == sum(-(-b.length // 16) * -(-b.length // 8) for b in boxes.blocks)
    assert [row[2] for row in table] == sorted((row[2] for row in table), reverse=True)
