"""Backend `reference`: pad, roll, partition, mask, softmax, exactly as the paper draws it (Sec. 3.2-3.3, fig.
3).

Slow and obviously right, in any dtype: the oracle of every other backend. It shares no code with them, so the
relative position index and the mask are computed here in their own, literal way.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from videoswin.values import Size3

MASKED = -100.0  # official: not -inf, so that a masked pair keeps a weight of e^-100


def window_attention(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    *,
    window: Size3,
    shift: Size3,
    legacy_bias_index: bool,
) -> Tensor:
    """See `videoswin.ops.window_attention`. qkv (B, t, h, w, 3, heads, d) -> (B, t, h, w, heads*d)."""
    grid = Size3(*qkv.shape[1:4])
    trained = window
    window = Size3(*(min(g, w) for g, w in zip(grid, window, strict=True)))
    shift = Size3(*(s if g > w else 0 for g, w, s in zip(grid, trained, shift, strict=True)))
    padded = _pad(qkv, pad_qkv, window)
    rolled = torch.roll(padded, [-s for s in shift], dims=(1, 2, 3))
    windows = _partition(rolled, window)  # (B*windows, S, 3, heads, d)
    q, k, v = windows.permute(2, 0, 3, 1, 4)  # each (B*windows, heads, S, d)
    scores = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)  # (B*windows, heads, S, S)
    if bias_table is not None:
        index = (_official_index if legacy_bias_index else _index)(trained, window).to(qkv.device)
        scores = scores + bias_table[index].permute(2, 0, 1).to(scores.dtype)
    if any(shift):
        mask = _mask(Size3(*padded.shape[1:4]), window, shift).to(scores)
        scores = scores.unflatten(0, (-1, len(mask))) + mask[:, None]
        scores = scores.flatten(0, 1)
    out = scores.softmax(-1) @ v  # (B*windows, heads, S, d)
    out = _reverse(out.transpose(1, 2).flatten(2), window, Size3(*padded.shape[1:4]))
    out = torch.roll(out, list(shift), dims=(1, 2, 3))
    return out[:, : grid.t, : grid.h, : grid.w].contiguous()


def _pad(qkv: Tensor, pad_qkv: Tensor, window: Size3) -> Tensor:
    """Whole windows: `pad_qkv` (3, heads, d) fills the end of each axis (official pads after the norm, so
    that a padded token's projections are their bias)."""
    for axis, size in enumerate(window, start=1):
        missing = -qkv.shape[axis] % size
        if missing:
            shape = list(qkv.shape)
            shape[axis] = missing
            qkv = torch.cat([qkv, pad_qkv.to(qkv.dtype).expand(shape)], axis)
    return qkv


def _partition(x: Tensor, window: Size3) -> Tensor:
    """(B, t, h, w, ...) -> (B*windows, S, ...)."""
    batch, t, h, w = x.shape[:4]
    p, m, n = window
    x = x.reshape(batch, t // p, p, h // m, m, w // n, n, *x.shape[4:])
    x = x.permute(0, 1, 3, 5, 2, 4, 6, *range(7, x.ndim))
    return x.flatten(0, 3).flatten(1, 3)


def _reverse(x: Tensor, window: Size3, grid: Size3) -> Tensor:
    """(B*windows, S, C) -> (B, t, h, w, C)."""
    (p, m, n), (t, h, w) = window, grid
    x = x.reshape(-1, t // p, h // m, w // n, p, m, n, x.shape[-1])
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, t, h, w, x.shape[-1])


def _index(trained: Size3, window: Size3) -> Tensor:
    """(S, S) rows of the bias table, from the distance of every pair of tokens on each axis (eq. 4)."""
    tokens = torch.tensor(list(itertools.product(*map(range, window))))  # (S, 3)
    distance = tokens[:, None] - tokens[None, :] + torch.tensor([size - 1 for size in trained])  # (S, S, 3)
    _, m, n = trained
    return (distance[..., 0] * (2 * m - 1) + distance[..., 1]) * (2 * n - 1) + distance[..., 2]


def _official_index(trained: Size3, window: Size3) -> Tensor:
    """official: the index of the full window, cut to the clamped window's size (wrong where h or w
    shrink)."""
    return _index(trained, trained)[: window.volume, : window.volume]


def _mask(padded: Size3, window: Size3, shift: Size3) -> Tensor:
    """(windows, S, S): MASKED between tokens of different regions of the rolled, padded grid (official
    `compute_mask`)."""
    region = torch.zeros(1, *padded, 1)
    slices = [
        [slice(0, -w), slice(-w, -s if s else None), slice(-s if s else None, None)]
        for w, s in zip(window, shift, strict=True)
    ]
    for number, (t, h, w) in enumerate(itertools.product(*slices)):
        region[:, t, h, w] = number
    regions = _partition(region, window).squeeze(-1)  # (windows, S)
    return (regions[:, None, :] != regions[:, :, None]) * MASKED
