"""The layers of a Video Swin (Sec. 3.1, fig. 1-2). Tokens are channels-last everywhere: (B, t, h, w, C).

Nothing here partitions, rolls, pads to windows or masks: `ops.window_attention` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from videoswin.model.designs import Attention
from videoswin.model.drop_path import DropPath, Kept, add_branch
from videoswin.model.options import Recompute
from videoswin.model.recomputed import norm_linear, norm_mlp
from videoswin.ops import window_attention
from videoswin.values import Size3

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
"""RGB on 0-255, of ImageNet: what every published Video Swin was trained with."""


def normalise(clips: Tensor) -> Tensor:
    """uint8 RGB (B, 3, T, H, W) to float32 with the mean and deviation above."""
    pixels = clips.float()
    # One plain number a channel: no constant tensors that a meta-device or exported model would have to
    # carry.
    for channel, (mean, std) in enumerate(zip(PIXEL_MEAN, PIXEL_STD, strict=True)):
        pixels[:, channel].sub_(mean).div_(std)
    return pixels


class PatchEmbedding(nn.Module):
    """Cuts clips into patches and projects each to a token: (B, 3, T, H, W) -> (B, t, h, w, C).

    Clips are padded with zeros at the end of each axis to whole patches.
    """

    def __init__(self, in_channels: int, width: int, patch: Size3, *, norm: bool) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv3d(in_channels, width, kernel_size=patch, stride=patch)
        if norm:
            self.norm: nn.Module = nn.LayerNorm(width)
        else:
            self.norm = nn.Identity()

    def forward(self, clips: Tensor) -> Tensor:
        missing = [-size % patch for size, patch in zip(clips.shape[2:], self.patch, strict=True)]
        if any(missing):
            clips = F.pad(clips, (0, missing[2], 0, missing[1], 0, missing[0]))
        tokens = self.proj(clips.to(self.proj.weight.dtype)).permute(0, 2, 3, 4, 1)
        return cast(Tensor, self.norm(tokens))  # (B, t, h, w, C)


class PatchMerging(nn.Module):
    """Joins 2x2 neighbouring tokens, never in time: (B, t, h, w, C) -> (B, t, h/2, w/2, 2C).

    An odd height or width is padded with zeros at its end.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:4]
        if height % 2 or width % 2:
            x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # (B, t, h/2, 2, w/2, 2, C)
        # official: the four neighbours are joined in the (h, w) order (0,0), (1,0), (0,1), (1,1).
        x = x.permute(0, 1, 2, 4, 5, 3, 6).flatten(4)  # (B, t, h/2, w/2, 4C)
        return norm_linear(x, self.norm, self.reduction)


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows, with a relative position bias where the design has one
    (Sec. 3.2-3.3, eq. 4)."""

    def __init__(
        self,
        width: int,
        num_heads: int,
        attention: Attention,
        *,
        legacy_bias_index: bool,
        backend: str | None,
    ) -> None:
        super().__init__()
        self.num_heads, self.window, self.shift = num_heads, attention.window, attention.shift
        self.legacy_bias_index, self.backend = legacy_bias_index, backend
        self.relative_position_bias_table: nn.Parameter | None = None
        if attention.has_bias:
            rows = math.prod(2 * size - 1 for size in attention.window)
            self.relative_position_bias_table = nn.Parameter(torch.empty(rows, num_heads))
            nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, norm: nn.LayerNorm, recompute: Recompute | None = None) -> Tensor:
        """Attention of `norm(x)`, (B, t, h, w, C). recompute: what is not kept for the backward pass."""
        qkv = norm_linear(x, norm, self.qkv, recompute=recompute)
        qkv = qkv.unflatten(-1, (3, self.num_heads, -1))  # (B, t, h, w, 3, heads, d)
        x = window_attention(
            qkv,
            self.relative_position_bias_table,
            window=self.window,
            shift=self.shift,
            pad_qkv=self.qkv.bias.view(qkv.shape[4:]),
            legacy_bias_index=self.legacy_bias_index,
            backend=self.backend,
        )
        return cast(Tensor, self.proj(x))


class Mlp(nn.Module):
    """Two layers with an exact GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor, norm: nn.LayerNorm, recompute: Recompute | None = None) -> Tensor:
        """The layers of `norm(x)`, (B, t, h, w, C). recompute: what is not kept for the backward pass."""
        return norm_mlp(x, norm, self.fc1, self.fc2, recompute=recompute)


class GatedAttention(nn.Module):
    """The temporal half of factorized attention: attention of normalised tokens, times a gate that starts at
    0, so that a new model computes what the spatial-only one does (Sec. 4.3).

    One number a block: whether the paper's weight is a scalar or a channel's is not known (docs/parity.md).
    """

    def __init__(self, attention: WindowAttention, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attn = attention
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, recompute: Recompute | None = None) -> Tensor:
        return cast(Tensor, self.gate * self.attn(x, self.norm, recompute))


class SwinBlock(nn.Module):
    """Attention, then MLP, each as a residual branch behind a LayerNorm (fig. 2); between them, in the
    factorized design, the gated temporal attention."""

    def __init__(
        self,
        attention: WindowAttention,
        width: int,
        mlp_ratio: float,
        drop_path_rate: float,
        temporal: GatedAttention | None = None,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = attention
        self.temporal = temporal
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.drop_path = DropPath(drop_path_rate)
        self.recompute: Recompute | None = None
        self.run: Callable[[SwinBlock, Tensor, tuple[Kept, ...]], Tensor] = SwinBlock.add_branches

    def forward(self, x: Tensor) -> Tensor:
        """(B, t, h, w, C) -> the same shape."""
        num_branches = 2 if self.temporal is None else 3
        return self.run(self, x, tuple(self.drop_path.draw(x) for _ in range(num_branches)))

    def add_branches(self, x: Tensor, kept: tuple[Kept, ...]) -> Tensor:
        """All that a block computes, with nothing random in it: `run` is this, or this compiled. kept: what
        stochastic depth keeps, branch by branch."""
        if self.training and self.recompute == "blocks":
            return cast(Tensor, checkpoint(self._add, x, kept, use_reentrant=False, preserve_rng_state=False))
        return self._add(x, kept)

    def _add(self, x: Tensor, kept: tuple[Kept, ...]) -> Tensor:
        again = self.recompute if self.training else None
        x = add_branch(x, lambda x: self.attn(x, self.norm1, again), kept[0])
        if self.temporal is not None:
            temporal = self.temporal
            x = add_branch(x, lambda x: temporal(x, again), kept[1])
        return add_branch(x, lambda x: self.mlp(x, self.norm2, again), kept[-1])
