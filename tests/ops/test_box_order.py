"""Box order holds every token once, and attention inside its boxes is that of the oracle."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from videoswin.ops import window_attention
from videoswin.ops.box_order import PADDING, box_order
from videoswin.values import Size3

WINDOW = Size3(4, 3, 3)
SHIFTS = [Size3(0, 0, 0), Size3(2, 1, 1)]
GRIDS = [Size3(8, 6, 6), Size3(5, 7, 4), Size3(3, 2, 9)]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shift", SHIFTS)
def test_every_token_has_one_place(grid, shift):
    order = box_order(2, grid, window=WINDOW, shift=shift, legacy_bias_index=False)
    tokens = 2 * grid.volume
    assert order.rows[order.rows != PADDING].sort().values.tolist() == list(range(tokens))
    assert order.rows[order.places(tokens)].tolist() == list(range(tokens))
    assert sum(group.num_boxes * group.box.volume for group in order.groups) == len(order.rows)


@pytest.mark.parametrize("legacy_bias_index", [False, True])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shift", SHIFTS)
def test_attention_inside_the_boxes_is_the_oracles(grid, shift, legacy_bias_index):
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(2, *grid, 3, 2, 4, generator=generator, dtype=torch.float64)
    table = torch.randn(7 * 5 * 5, 2, generator=generator, dtype=torch.float64)
    expected = window_attention(
        qkv, table, window=WINDOW, shift=shift, legacy_bias_index=legacy_bias_index, backend="reference"
    )
    order = box_order(2, grid, window=WINDOW, shift=shift, legacy_bias_index=legacy_bias_index)
    tokens = qkv.flatten(0, 3)[order.rows.clamp(min=0)]
    tokens[order.rows == PADDING] = 0
    parts, start = [], 0
    for group in order.groups:
        stop = start + group.num_boxes * group.box.volume
        q, k, v = tokens[start:stop].unflatten(0, (group.num_boxes, -1)).permute(2, 0, 3, 1, 4)
        bias = group.bias(table)[None]
        parts.append(F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(0, 1))
        start = stop
    found = torch.cat(parts).flatten(1)[order.places(2 * grid.volume)]
    torch.testing.assert_close(found, expected.flatten(0, 3), atol=1e-12, rtol=0)
