"""The Video Swin Transformer (fig. 1). It knows no files, labels or training.

B clips, C channels, T H W frames and pixels, t h w token grid, K classes.
"""

from __future__ import annotations

from typing import cast, get_args

import torch
from torch import Tensor, nn

from videoswin.errors import ConfigError
from videoswin.model.blocks import (
    GatedAttention,
    PatchEmbedding,
    PatchMerging,
    SwinBlock,
    WindowAttention,
    normalise,
)
from videoswin.model.config import SwinConfig
from videoswin.model.designs import Attention, block_attention, gated_attention, top_attentions
from videoswin.model.options import Recompute, Residual
from videoswin.ops import requested_backend
from videoswin.values import Size3


class Stage(nn.Module):
    """Blocks at one resolution, then, except in the last stage, a merging to the next."""

    def __init__(self, blocks: list[SwinBlock], downsample: PatchMerging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(B, t, h, w, C) -> the same shape, before merging."""
        for block in self.blocks:
            x = block(x)
        return x


class VideoSwin(nn.Module):
    """Video Swin Transformer: clips to class logits.

    Args:
        config: What the model computes.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0 at the first (Sec. 4.1).
        head_dropout: Dropout before the classifier; 0.5 in the published recipes.
        recompute_stages: Compute the blocks of so many stages, the first, again in the backward pass: far
            less memory, about a third more time for them. All: the blocks above the last stage, too.
        recompute: What of these blocks is computed again.
        residual: Dtype of the sum that runs through the blocks under autocast.
        skip_dropped: Compute nothing of what stochastic depth leaves out (`drop_path.DropPath`).
        attention_backend: One of `videoswin.ops.BACKENDS`; None is that of VIDEOSWIN_ATTENTION, or what suits
            the device at each call (`videoswin.ops.select_backend`).

    Raises:
        ConfigError: a rate outside [0, 1), or an unknown backend or option.
    """

    def __init__(
        self,
        config: SwinConfig,
        *,
        drop_path_rate: float = 0.0,
        head_dropout: float = 0.0,
        recompute_stages: int = 0,
        recompute: Recompute = "blocks",
        residual: Residual = "fp32",
        skip_dropped: bool = False,
        attention_backend: str | None = None,
    ) -> None:
        super().__init__()
        _check(drop_path_rate, head_dropout, recompute, residual)
        self.config, self.residual = config, residual
        self.patch_embed = PatchEmbedding(
            config.in_channels, config.embed_dim, Size3(*config.patch), norm=config.patch_norm
        )
        backend = requested_backend(attention_backend)
        top = top_attentions(config)
        *rates, top_rates = _drop_path_rates(drop_path_rate, (*config.depths, len(top)))
        last = config.num_stages - 1
        self.layers = nn.ModuleList(
            Stage(
                [_block(config, stage, block, rate, backend) for block, rate in enumerate(rates[stage])],
                PatchMerging(config.width(stage)) if stage < last else None,
            )
            for stage in range(config.num_stages)
        )
        self.temporal: Stage | None = None
        if top:
            blocks = [
                _layer(config, last, attention, rate, backend)
                for attention, rate in zip(top, top_rates, strict=True)
            ]
            self.temporal = Stage(blocks, None)
        for number, stage in enumerate(self.stages()):
            for block in cast(list[SwinBlock], stage.blocks):
                block.drop_path.skips = skip_dropped
                block.recompute = recompute if min(number, last) < recompute_stages else None
        self.norm = nn.LayerNorm(config.width(config.num_stages - 1))
        self.dropout = nn.Dropout(head_dropout)
        self.head = nn.Linear(config.width(config.num_stages - 1), config.num_classes)
        self.apply(_initialise)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, clips: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> logits (B, K). See `features` for the input."""
        return cast(Tensor, self.head(self.dropout(self.features(clips)[-1].mean((1, 2, 3)))))

    def features(self, clips: Tensor) -> list[Tensor]:
        """One (B, t, h, w, C) tensor a stage, before its merging; the last one after the final LayerNorm.

        clips: (B, 3, T, H, W); uint8 RGB is normalised here, float is taken as normalised. Any T, H, W of at
        least 1
        works: the end of each axis is padded with zeros to whole patches.

        Raises ValueError for another shape or dtype.
        """
        if clips.ndim != 5 or clips.shape[1] != self.config.in_channels:
            raise ValueError(
                f"clips have shape {tuple(clips.shape)}; expected (B, {self.config.in_channels}, T, H, W)"
            )
        if not (clips.is_floating_point() or (clips.dtype == torch.uint8 and clips.shape[1] == 3)):
            raise ValueError(f"clips are {clips.dtype}; expected float (normalised), or uint8 RGB (0-255)")
        x = self.patch_embed(normalise(clips) if clips.dtype == torch.uint8 else clips)
        features = []
        for stage in cast(list[Stage], self.layers):
            x = stage(self._as_residual(x))
            features.append(x)
            if stage.downsample is not None:
                x = stage.downsample(x)
        if self.temporal is not None:
            features[-1] = self.temporal(features[-1])
        features[-1] = self.norm(features[-1])
        return features

    def stages(self) -> list[Stage]:
        """All lists of blocks, in the order in which they compute."""
        above = [] if self.temporal is None else [self.temporal]
        return [*cast(list[Stage], list(self.layers)), *above]

    def _as_residual(self, x: Tensor) -> Tensor:
        """The tokens that a stage begins with, in the dtype of the sum that its blocks add to.

        official: autocast decides, so that the sum is float32 before the first merging and half precision
        after it, as is what a linear layer gives.
        """
        if x.is_meta or not torch.is_autocast_enabled(x.device.type):  # meta has no autocast
            return x
        if self.residual == "bf16":
            return x.to(torch.bfloat16)
        return x.to(torch.promote_types(x.dtype, torch.float32))


def _check(drop_path_rate: float, head_dropout: float, recompute: Recompute, residual: Residual) -> None:
    for name, rate in (("drop_path_rate", drop_path_rate), ("head_dropout", head_dropout)):
        if not 0 <= rate < 1:
            raise ConfigError(f"{name} is {rate!r}; allowed: at least 0 and below 1")
    for name, value, allowed in (
        ("recompute", recompute, get_args(Recompute)),
        ("residual", residual, get_args(Residual)),
    ):
        if value not in allowed:
            raise ConfigError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")


def _block(
    config: SwinConfig, stage: int, block: int, drop_path_rate: float, backend: str | None
) -> SwinBlock:
    gated = gated_attention(config, block)
    temporal = None
    if gated is not None:
        temporal = GatedAttention(_attention(config, stage, gated, backend), config.width(stage))
    return _layer(config, stage, block_attention(config, block), drop_path_rate, backend, temporal)


def _layer(
    config: SwinConfig,
    stage: int,
    attention: Attention,
    drop_path_rate: float,
    backend: str | None,
    temporal: GatedAttention | None = None,
) -> SwinBlock:
    return SwinBlock(
        _attention(config, stage, attention, backend),
        config.width(stage),
        config.mlp_ratio,
        drop_path_rate,
        temporal,
    )


def _attention(config: SwinConfig, stage: int, attention: Attention, backend: str | None) -> WindowAttention:
    return WindowAttention(
        config.width(stage),
        config.num_heads[stage],
        attention,
        legacy_bias_index=config.legacy_bias_index,
        backend=backend,
    )


def _drop_path_rates(rate: float, depths: tuple[int, ...]) -> list[list[float]]:
    """One rate a block, growing linearly over all blocks from 0 to `rate`."""
    last = max(sum(depths) - 1, 1)
    rates = iter(rate * block / last for block in range(sum(depths)))
    return [[next(rates) for _ in range(depth)] for depth in depths]


def _initialise(module: nn.Module) -> None:
    """Linear layers as published: weights normal (std 0.02, cut at +-2), biases 0. The patch convolution
    keeps torch's."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
