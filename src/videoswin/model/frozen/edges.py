"""What stands before and between the blocks: patch embedding from pixels, and merging. Both work on rows of
tokens, some at a time.

B clips, T H W frames and pixels, t h w token grid, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videoswin.model.blocks import PIXEL_MEAN, PIXEL_STD, PatchEmbedding, PatchMerging, normalise
from videoswin.model.frozen.block import ELEMENTS_AT_ONCE, FrozenNorm
from videoswin.model.frozen.linear import FrozenPrecision, frozen_linear, token_dtype
from videoswin.values import Size3


class FrozenEmbedding:
    """Clips (B, 3, T, H, W), uint8 or normalised float, to tokens (B*t*h*w, C) in natural order.

    In float32 whatever the precision: it is half a percent of a model's arithmetic. The normalisation of
    uint8 pixels is part of the weights, except where padding is needed: its zeros are normalised pixels.
    """

    def __init__(self, embedding: PatchEmbedding, precision: FrozenPrecision) -> None:
        conv = embedding.proj
        self._patch, self._dtype = embedding.patch, token_dtype(precision)
        width = conv.out_channels
        self._rows = max(1, ELEMENTS_AT_ONCE // (4 * width))
        weight = conv.weight.detach()  # (C, 3, patch t, h, w)
        bias = torch.zeros(width) if conv.bias is None else conv.bias.detach()
        self._linear = frozen_linear(_as_linear(weight, bias), "fp32", rows=self._rows)
        self._of_bytes = self._linear
        if conv.in_channels == 3:
            std, mean = (torch.tensor(values).view(3, 1, 1, 1) for values in (PIXEL_STD, PIXEL_MEAN))
            scaled = (weight.double() / std).float()
            shifted = (bias.double() - (weight.double() * (mean.double() / std)).sum((1, 2, 3, 4))).float()
            self._of_bytes = frozen_linear(_as_linear(scaled, shifted), "fp32", rows=self._rows)
        self._norm = FrozenNorm(embedding.norm) if isinstance(embedding.norm, nn.LayerNorm) else None

    def grid(self, clips: Tensor) -> Size3:
        return Size3(*(-(-size // p) for size, p in zip(clips.shape[2:], self._patch, strict=True)))

    def __call__(self, clips: Tensor) -> Tensor:
        missing = [-size % patch for size, patch in zip(clips.shape[2:], self._patch, strict=True)]
        if any(missing):
            clips = normalise(clips) if clips.dtype == torch.uint8 else clips
            clips = F.pad(clips, (0, missing[2], 0, missing[1], 0, missing[0]))
        linear = self._of_bytes if clips.dtype == torch.uint8 else self._linear
        patches = clips
        for axis in (4, 3, 2):
            patches = patches.unflatten(axis, (-1, self._patch[axis - 2]))
        patches = patches.permute(0, 2, 4, 6, 1, 3, 5, 7)  # (B, t, h, w, 3, patch t, h, w)
        parts = []
        slices = max(1, self._rows // (patches.shape[2] * patches.shape[3]))
        for clip in patches:
            for some in clip.split(slices):
                tokens = linear(some.float().flatten(3).flatten(0, 2))
                tokens = tokens if self._norm is None else self._norm(tokens)
                parts.append(tokens.to(self._dtype))
        return parts[0] if len(parts) == 1 else torch.cat(parts)


class FrozenMerging:
    """See `PatchMerging`: tokens, wherever they lie, to (B*t*h/2*w/2, 2C) in natural order."""

    def __init__(self, merging: PatchMerging, precision: FrozenPrecision) -> None:
        self._rows = max(1, ELEMENTS_AT_ONCE // merging.reduction.in_features)
        self._norm = FrozenNorm(merging.norm)
        self._reduction = frozen_linear(merging.reduction, precision, rows=self._rows)

    def source(self, batch_size: int, grid: Size3, before: Tensor) -> tuple[Tensor, Tensor]:
        """(B*t*h/2*w/2, 4) where the neighbours to be joined lie, and where padding is joined. before:
        (B*t*h*w,) where every token lies."""
        tokens = F.pad(before.view(batch_size, *grid), (0, grid.w % 2, 0, grid.h % 2), value=-1)
        tokens = tokens.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # (B, t, h/2, 2, w/2, 2)
        # official: the order of the four, see `PatchMerging`.
        tokens = tokens.permute(0, 1, 2, 4, 5, 3).flatten(4).flatten(0, 3)
        return tokens.clamp(min=0), tokens < 0

    def __call__(self, x: Tensor, source: tuple[Tensor, Tensor]) -> Tensor:
        rows, padding = source
        has_padding = bool(padding.any())
        parts = []
        for start in range(0, len(rows), self._rows):
            some = slice(start, start + self._rows)
            four = x.index_select(0, rows[some].flatten())
            if has_padding:
                four[padding[some].flatten()] = 0
            parts.append(self._reduction(self._norm(four.view(-1, 4 * x.shape[1]))))
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def _as_linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A convolution whose patches don't overlap, as a linear map of flat patches."""
    flat = weight.flatten(1)
    linear = nn.Linear(flat.shape[1], flat.shape[0], device="meta")
    linear.weight, linear.bias = nn.Parameter(flat), nn.Parameter(bias)
    return linear
