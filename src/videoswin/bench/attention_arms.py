"""The operators that `bench.attention` compares: our backends, FlexAttention, and the fused kernel alone.

B batch, t h w token grid, L its tokens, S tokens of a window, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.bench.arms import usable
from videoswin.errors import ConfigError
from videoswin.ops import window_attention
from videoswin.ops.windows import axis_segments, clamp_window, padded_grid, relative_position_index
from videoswin.values import Size3

FLEX, PLAIN = "flex", "plain"
Operator = Callable[[Tensor, Tensor, Tensor], Tensor]
"""qkv (B, t, h, w, 3, heads, d), bias table (rows, heads), pad_qkv (3, heads, d) -> (B, t, h, w, heads*d)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """One attention of the network."""

    stage: int
    grid: Size3
    heads: int
    head_width: int
    window: Size3
    shift: Size3

    def __str__(self) -> str:
        kind = "shifted" if any(clamp_window(self.grid, self.window, self.shift)[1]) else "regular"
        return f"stage {self.stage}, {'x'.join(map(str, self.grid))} tokens, {self.heads} heads, {kind}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionArm:
    """make: the operator for one shape, with all that does not depend on the tokens made in advance.
    is_attention: whether it computes window attention, so that its result can be compared."""

    name: str
    make: Callable[[Shape, torch.device], Operator]
    has_backward: bool = True
    is_attention: bool = True


def attention_arms(names: tuple[str, ...] | None, device: torch.device) -> list[AttentionArm]:
    """These, or all that run on the device. Raises ConfigError for another name."""
    known = {name: AttentionArm(name=name, make=partial(_ours, name)) for name in usable(device.type)}
    # The gradient of its captured table is summed by atomics, and on a CPU there is none.
    known[FLEX] = AttentionArm(name=FLEX, make=_flex, has_backward=False)
    known[PLAIN] = AttentionArm(name=PLAIN, make=_plain, is_attention=False)
    for name in names or ():
        if name not in known:
            raise ConfigError(f"arms hold {name!r}; allowed on {device.type}: {', '.join(known)}")
    return [known[name] for name in (known if names is None else names)]


def _ours(backend: str, shape: Shape, device: torch.device) -> Operator:
    def run(qkv: Tensor, table: Tensor, pad: Tensor) -> Tensor:
        return window_attention(
            qkv, table, window=shape.window, shift=shape.shift, pad_qkv=pad, backend=backend
        )

    return run


def _plain(shape: Shape, device: torch.device) -> Operator:
    """The fused kernel on as many tokens as there are, S at a time in the order they lie in: no gather, no
    bias, no mask. What no window attention on top of it can beat."""
    size = clamp_window(shape.grid, shape.window, shape.shift)[0].volume

    def run(qkv: Tensor, table: Tensor, pad: Tensor) -> Tensor:
        windows = qkv.flatten(1, 3)[:, : shape.grid.volume // size * size]
        q, k, v = windows.reshape(-1, size, *qkv.shape[4:]).permute(2, 0, 3, 1, 4).unbind(0)
        return F.scaled_dot_product_attention(q, k, v)  # (B*windows, heads, S, d)

    return run


def _flex(shape: Shape, device: torch.device) -> Operator:
    """Tokens gathered window by window; bias and mask are read in the kernel's score function."""
    from torch.nn.attention.flex_attention import flex_attention

    if device.type == "cuda":
        from videoswin.bench.compiling import keep_variants

        keep_variants()
        attend = torch.compile(flex_attention, dynamic=False)
    else:
        # Compiling for a CPU takes longer than all the rest. Torch says once that this is slow, as it is.
        attend = flex_attention
    order, place, box = _windows_of(shape, device)
    is_padded = order.numel() > len(place)
    index = relative_position_index(
        clamp_window(shape.grid, shape.window, shape.shift)[0], shape.window, device=device
    )

    def run(qkv: Tensor, table: Tensor, pad: Tensor) -> Tensor:
        def score(score: Tensor, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            window = batch % len(order)
            biased = score + table[index[query, key], head]
            return torch.where(box[window, query] == box[window, key], biased, -torch.inf)

        tokens = qkv.flatten(1, 3)
        if is_padded:
            tokens = torch.cat([tokens, pad.to(qkv.dtype).expand(len(qkv), 1, -1, -1, -1)], 1)
        windows = tokens[:, order.flatten()].unflatten(1, order.shape).flatten(0, 1)
        q, k, v = windows.permute(2, 0, 3, 1, 4).unbind(0)  # each (B*windows, heads, S, d)
        out = attend(q, k, v, score_mod=score)
        out = out.transpose(1, 2).flatten(2).unflatten(0, (len(qkv), -1)).flatten(1, 2)
        return out[:, place].unflatten(1, shape.grid)  # type: ignore[no-any-return]

    return run


def _windows_of(shape: Shape, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """order (windows, S): the token at each place of the shifted windows, L for a padded one. place (L,):
    where a token is in it, flat. box (windows, S): the number of the box that attends to itself."""
    window, shift = clamp_window(shape.grid, shape.window, shape.shift)
    padded = padded_grid(shape.grid, window)
    tokens = torch.full(padded, shape.grid.volume)
    t, h, w = shape.grid
    tokens[:t, :h, :w] = torch.arange(shape.grid.volume).view(shape.grid)
    boxes = torch.zeros(padded, dtype=torch.int64)
    for axis, sizes in enumerate(zip(padded, window, shift, strict=True)):
        lengths = [part.length for part in axis_segments(*sizes) for _ in range(part.repeats)]
        number = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
        boxes = boxes * len(lengths) + number.view([-1 if each == axis else 1 for each in range(3)])
    order, box = (_in_windows(each.roll([-s for s in shift], (0, 1, 2)), window) for each in (tokens, boxes))
    place = order.flatten().argsort()[: shape.grid.volume]
    return order.to(device), place.to(device), box.to(device)


def _in_windows(grid: Tensor, window: Size3) -> Tensor:
    """(t, h, w) -> (windows, S)."""
    for axis, size in zip((2, 1, 0), reversed(window), strict=True):
        grid = grid.unflatten(axis, (-1, size))
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(-1, window.volume)
