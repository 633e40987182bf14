"""Bias tables for another window: along time, so that a model trained with window 8 starts one with 16 (or
back), and in space. Designs that part space from time have tables of one frame, and others of one place.

No other code base changes the temporal window, so there are no reference values. Two readings of "the same
bias" exist, and both are offered (`Offsets`). A table that is equal for all offsets in time stays so, bit for
bit, and offset 0 stays on offset 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.errors import WeightsError
from videoswin.model import SwinConfig
from videoswin.model.designs import block_attention, gated_attention, top_attentions
from videoswin.values import Size3
from videoswin.weights.formats import GATED, TABLE, TOP

Offsets = Literal["stretch", "keep"]


def _stretch(offsets: Tensor, old: int, new: int) -> Tensor:
    return offsets * ((old - 1) / max(new - 1, 1))


def _keep(offsets: Tensor, old: int, new: int) -> Tensor:
    return offsets.clamp(-(old - 1), old - 1)


# From (offsets in the new window, old size, new size) to the offsets of the old window to read at.
OFFSETS: dict[Offsets, Callable[[Tensor, int, int], Tensor]] = {"stretch": _stretch, "keep": _keep}
"""`stretch`: the farthest offset stays the farthest, those between are interpolated linearly: 8 -> 16 puts
+-7 on +-15. `keep`: an offset of n frames stays n frames; farther ones than the old window had repeat its
farthest."""


def resize_tables(
    state_dict: Mapping[str, Tensor], old: SwinConfig, new: SwinConfig, *, offsets: Offsets = "stretch"
) -> tuple[dict[str, Tensor], int]:
    """The same weights, under our names, with the bias tables of `old` cut and stretched to the windows of
    `new`; how many tables those were. Offset 0 in time is what a table of one frame keeps.

    Raises WeightsError naming the table whose rows are not those of its window in `old`.
    """
    changed: dict[str, Tensor] = {}
    for name in [name for name in state_dict if name.endswith(TABLE)]:
        before, after = table_window(name, old), table_window(name, new)
        table = as_grid(state_dict[name], before, name=name)
        if after == before:
            continue
        if after[1:] != before[1:]:
            table = resize_space(table, after)
        if after.t != before.t:
            table = resize_time(table, after.t, offsets=offsets)
        changed[name] = table.flatten(0, 2)
    return {**state_dict, **changed}, len(changed)


def table_window(name: str, config: SwinConfig) -> Size3:
    """The window of the attention that has the bias table of this name: of all blocks, of all gated
    attentions and of all layers on top it is the same."""
    gated, top = gated_attention(config, 0), top_attentions(config)
    if gated is not None and GATED in name:
        return gated.window
    if top and name.startswith(TOP):
        return top[0].window
    return block_attention(config, 0).window


def as_grid(table: Tensor, window: Size3, *, name: str) -> Tensor:
    """((2P-1)(2M-1)(2N-1), heads) -> (2P-1, 2M-1, 2N-1, heads). Raises WeightsError naming the table if that
    is not its shape."""
    sides = [2 * size - 1 for size in window]
    rows = sides[0] * sides[1] * sides[2]
    if table.ndim != 2 or len(table) != rows:
        shape = "x".join(map(str, window))
        raise WeightsError(f"{name} is {tuple(table.shape)}; expected {rows} rows for a window of {shape}")
    return cast(Tensor, table.unflatten(0, sides))


def square_side(table: Tensor, *, name: str) -> int:
    """S of a table of one frame, which has (2S-1)^2 rows. Raises WeightsError naming the table if it has
    others."""
    rows = len(table) if table.ndim == 2 else 0
    root = math.isqrt(rows)
    if root % 2 == 0 or root**2 != rows:
        raise WeightsError(
            f"{name} is {tuple(table.shape)}; expected (2S-1)^2 rows, as a window of one frame and S x S has"
        )
    return (root + 1) // 2


def resize_time(table: Tensor, frames: int, *, offsets: Offsets) -> Tensor:
    """(2P-1, 2M-1, 2N-1, heads) -> (2 * frames - 1, 2M-1, 2N-1, heads)."""
    old = (len(table) + 1) // 2
    wanted = torch.arange(-(frames - 1), frames, dtype=torch.float64)
    positions = OFFSETS[offsets](wanted, old, frames) + (old - 1)
    low = positions.floor().long().clamp(max=len(table) - 1)
    high = (low + 1).clamp(max=len(table) - 1)
    share = (positions - low).to(table.dtype)[:, None, None, None]
    # Not torch.lerp or F.interpolate: this form leaves equal neighbours exactly as they are.
    return table[low] + share * (table[high] - table[low])


def resize_space(table: Tensor, window: Size3) -> Tensor:
    """(T, 2S-1, 2S-1, heads) -> (T, 2M-1, 2N-1, heads), bicubic, as the official code resizes 2D tables."""
    size = (2 * window.h - 1, 2 * window.w - 1)
    resized = F.interpolate(table.permute(0, 3, 1, 2), size=size, mode="bicubic")  # (T, heads, 2M-1, 2N-1)
    return resized.permute(0, 2, 3, 1)
