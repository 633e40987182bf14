"""How backend `sdpa` lays a token grid out as sequences for scaled_dot_product_attention.

Two forms of the same attention. `classes`: the whole windows of the rolled grid; those of one class, which
lie at the rolled end of the same axes, share one mask (at most 8 classes). `boxes`: what the shift makes of
windows, no mask; boxes of one shape share one block of the bias table (at most 27 shapes, 18 if the shift
halves an axis).

t h w token grid, S tokens of a sequence, n sequences of one clip and group.
"""

from __future__ import annotations

import functools
import itertools
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from videoswin.ops.box_order import PADDING, BoxGroup, box_order
from videoswin.ops.windows import clamp_window, padded_grid
from videoswin.values import Size3

Form = Literal["classes", "boxes"]
MASKED = -100.0  # official, not -inf: the oracle's numbers to the last bit of a weight
KEPT_LAYOUTS = 64
"""Two for each stage of a clip's size: those of several sizes."""


class Fold(NamedTuple):
    """The pairs of a sequence in the order of their rows of the bias table: a gradient is summed by segments,
    always in one order. `index_add_` would sum in any order on CUDA."""

    order: Tensor
    """(S*S,) int64."""
    lengths: Tensor
    """(rows,) int64: how many pairs each row of the table has."""

    def __call__(self, grad_bias: Tensor) -> Tensor:
        """(heads, S, S) -> the table's gradient (rows, heads)."""
        pairs = grad_bias.flatten(1).t().index_select(0, self.order)
        return torch.segment_reduce(pairs, "sum", lengths=self.lengths, axis=0, unsafe=True, initial=0)


class Group(NamedTuple):
    """Sequences with one bias and one mask."""

    rows: Tensor
    """(n*S,) int64: the row of every token in a clip's (t*h*w, ...); 0 where it is padding."""
    tokens: int
    """S."""
    padding: Tensor | None
    """(places,) int64: which of the n*S tokens are padding; None if none is."""
    kept: Tensor | None
    """(places,) int64: the others; None if all are."""
    mask: Tensor | None
    """(S, S) float32: MASKED between tokens that must not meet, else 0; None if all may."""


class Part(NamedTuple):
    """Groups with one block of the bias table. All tensors are on the device they are used on."""

    bias_index: Tensor
    """(S, S) int64: rows of the bias table."""
    fold: Fold
    groups: tuple[Group, ...]


@functools.lru_cache(maxsize=KEPT_LAYOUTS)
def layout(
    grid: Size3, window: Size3, shift: Size3, legacy_bias_index: bool, form: Form, device: torch.device
) -> tuple[Part, ...]:
    """The groups of one clip: together they hold every token of the padded grid once."""
    # Kept from call to call: tensors of an inference_mode would be unfit for a later training step.
    with torch.inference_mode(False), torch.device("cpu"):
        make = _classes if form == "classes" else _boxes
        return tuple(_to(part, device) for part in make(grid, window, shift, legacy_bias_index))


def _classes(grid: Size3, window: Size3, shift: Size3, legacy_bias_index: bool) -> list[Part]:
    clamped, shift = clamp_window(grid, window, shift)
    padded = padded_grid(grid, clamped)
    whole = BoxGroup(clamped, 0, window, clamped if legacy_bias_index else None, Size3(0, 0, 0))
    axes = (_axis_windows(*sizes) for sizes in zip(padded, clamped, shift, strict=True))
    groups = [
        _group(_rows(grid, [tokens for tokens, _ in windows]), _mask([regions for _, regions in windows]))
        for windows in itertools.product(*axes)
    ]
    return [_part(whole, groups)]


def _axis_windows(size: int, window: int, shift: int) -> list[tuple[Tensor, Tensor]]:
    """The windows of one rolled axis as (tokens (windows, window), regions (window,)): those of one region,
    then the last, where the end of the axis meets its start."""
    tokens = torch.arange(size).roll(-shift).view(-1, window)
    whole, joined = torch.zeros(window), (torch.arange(window) >= window - shift).float()
    if shift == 0:
        return [(tokens, whole)]
    return [(tokens[:-1], whole), (tokens[-1:], joined)] if len(tokens) > 1 else [(tokens, joined)]


def _rows(grid: Size3, tokens: list[Tensor]) -> Tensor:
    """Tokens of each axis, (windows, window), to the rows of their windows, (n, S); PADDING off the grid."""
    on_axes = []
    for axis, (numbers, size, stride) in enumerate(
        zip(tokens, grid, (grid.h * grid.w, grid.w, 1), strict=True)
    ):
        outside = -grid.volume  # so far below 0 that the other axes cannot bring it back
        rows = torch.where(numbers < size, numbers * stride, outside)
        shape = [1] * 6
        shape[axis], shape[axis + 3] = rows.shape
        on_axes.append(rows.view(shape))
    rows = sum(on_axes[1:], start=on_axes[0]).flatten(3).flatten(0, 2)
    return rows.clamp(min=PADDING)


def _mask(regions: list[Tensor]) -> Tensor | None:
    """Regions of each axis (window,) to (S, S)."""
    t, h, w = regions
    region = (t[:, None, None] * 4 + h[:, None] * 2 + w).flatten()
    return None if not region.any() else (region[:, None] != region).float() * MASKED


def _boxes(grid: Size3, window: Size3, shift: Size3, legacy_bias_index: bool) -> list[Part]:
    order = box_order(1, grid, window=window, shift=shift, legacy_bias_index=legacy_bias_index)
    return [_part(box, [_group(rows, mask=None)]) for box, rows in order.alike().items()]


def _part(box: BoxGroup, groups: list[Group]) -> Part:
    index = box.bias_index(torch.device("cpu"))
    rows = (2 * box.window.t - 1) * (2 * box.window.h - 1) * (2 * box.window.w - 1)
    flat = index.flatten()
    fold = Fold(flat.argsort(stable=True), flat.bincount(minlength=rows))
    return Part(index, fold, tuple(groups))


def _group(rows: Tensor, mask: Tensor | None) -> Group:
    """rows (n, S), PADDING included."""
    is_padding = rows.flatten() == PADDING
    padding = kept = None
    if is_padding.any():
        padding, kept = is_padding.nonzero()[:, 0], (~is_padding).nonzero()[:, 0]
    return Group(rows.flatten().clamp(min=0), rows.shape[1], padding, kept, mask)


def _to(part: Part, device: torch.device) -> Part:
    moved: Part = tree_map_only(Tensor, lambda x: x.to(device), part)
    return moved
