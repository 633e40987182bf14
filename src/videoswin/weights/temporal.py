"""Bias tables for another window: along time, so that a model trained with window 8 starts one with 16 (or
back), and in space.

No other code base changes the temporal window, so there are no reference values. Two readings of "the same
bias" exist, and both are offered (`Offsets`). A table that is equal for all offsets in time stays so, bit for
bit, and offset 0 stays on offset 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.errors import WeightsError
from videoswin.values import Size3
from videoswin.weights.formats import TABLE

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


def change_window(
    state_dict: Mapping[str, Tensor], old: Size3, new: Size3, *, offsets: Offsets = "stretch"
) -> dict[str, Tensor]:
    """The same weights, under our names, with bias tables for the window `new`.

    Raises WeightsError naming the table whose rows are not those of the window `old`.
    """
    changed = dict(state_dict)
    for name in [name for name in state_dict if name.endswith(TABLE)]:
        table = as_grid(state_dict[name], old, name=name)
        if new[1:] != old[1:]:
            table = resize_space(table, new)
        if new.t != old.t:
            table = resize_time(table, new.t, offsets=offsets)
        changed[name] = table.flatten(0, 2)
    return changed


def as_grid(table: Tensor, window: Size3, *, name: str) -> Tensor:
    """((2P-1)(2M-1)(2N-1), heads) -> (2P-1, 2M-1, 2N-1, heads). Raises WeightsError naming the table if that
    is not its shape."""
    sides = [2 * size - 1 for size in window]
    rows = sides[0] * sides[1] * sides[2]
    if table.ndim != 2 or len(table) != rows:
        shape = "x".join(map(str, window))
        raise WeightsError(f"{name} is {tuple(table.shape)}; expected {rows} rows for a window of {shape}")
    return cast(Tensor, table.unflatten(0, sides))


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
