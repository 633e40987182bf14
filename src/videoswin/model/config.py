"""What a Video Swin is made of, as values. Imports no torch, so that reading a configuration costs
nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from videoswin.errors import ConfigError
from videoswin.values import Size3

Design = Literal["joint", "split", "factorized"]
Shift = Literal["3d", "spatial", "none"]


@dataclass(frozen=True, kw_only=True)
class SwinConfig:
    """The function a Video Swin computes; saved with its weights. What only matters while training (drop
    path, dropout, checkpointing) belongs to the run instead. Defaults are Swin-T (paper Sec. 3.1)."""

    embed_dim: int = 96
    """Channels C of the first stage; every following stage doubles them."""
    depths: tuple[int, ...] = (2, 2, 6, 2)
    """Blocks of each stage."""
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    """Attention heads of each stage; the paper's heads are 32 channels wide."""
    window: tuple[int, int, int] = (8, 7, 7)
    """Attention window P x M x M in tokens (time, height, width). Designs that part space from time use
    1 x M x M and P x 1 x 1. 1 x M x M in the joint design is a spatial-only model."""
    patch: tuple[int, int, int] = (2, 4, 4)
    """Frames and pixels that become one token."""
    patch_norm: bool = True
    """LayerNorm after the patch embedding."""
    num_classes: int = 400
    """Classes of the head."""
    in_channels: int = 3
    """Channels of the input; 3 for RGB."""
    mlp_ratio: float = 4.0
    """Hidden width of the MLP over its input width."""
    design: Design = "joint"
    """Where time is attended to (Sec. 4.3, Table 4). `joint`: space and time in one window. `split`: space
    only, then two temporal layers on top. `factorized`: after the spatial attention of each block a temporal
    one, times a gate that starts at 0."""
    shift: Shift = "3d"
    """How windows shift in every second block (Table 6): in time and space, in space only, or not."""
    temporal_bias: bool = False
    """A relative position bias in the temporal attention of `split` and `factorized`. Without it they can't
    tell the order of tokens in time inside a window; the paper's sizes leave open whether it had one, its
    rounded counts say it did not (docs/parity.md). `joint` always has its bias."""
    legacy_bias_index: bool = False
    """Number the tokens of a window clamped in height or width as the official code does. Right only for
    weights that were trained or evaluated that way at small resolution (docs/parity.md)."""

    def __post_init__(self) -> None:
        problems = [*_sizes(self), *_stages(self), *_choices(self)]
        if problems:
            raise ConfigError("model: " + "; ".join(problems))
        object.__setattr__(self, "window", Size3(*self.window))
        object.__setattr__(self, "patch", Size3(*self.patch))
        object.__setattr__(self, "depths", tuple(self.depths))
        object.__setattr__(self, "num_heads", tuple(self.num_heads))

    @property
    def num_stages(self) -> int:
        return len(self.depths)

    def width(self, stage: int) -> int:
        """Channels of a stage, 0 the first."""
        return self.embed_dim << stage


def _sizes(config: SwinConfig) -> list[str]:
    numbers: dict[str, tuple[Any, ...]] = {
        "embed_dim": (config.embed_dim,),
        "depths": tuple(config.depths),
        "num_heads": tuple(config.num_heads),
        "window": tuple(config.window),
        "patch": tuple(config.patch),
        "num_classes": (config.num_classes,),
        "in_channels": (config.in_channels,),
    }
    wrong = [
        f"{name} is {getattr(config, name)!r}, allowed: whole numbers of at least 1"
        for name, values in numbers.items()
        if not values or any(not isinstance(value, int) or value < 1 for value in values)
    ]
    wrong += [
        f"{name} is {getattr(config, name)!r}, allowed: three numbers (time, height, width)"
        for name in ("window", "patch")
        if len(getattr(config, name)) != 3
    ]
    if not config.mlp_ratio > 0:
        wrong.append(f"mlp_ratio is {config.mlp_ratio!r}, allowed: above 0")
    return wrong


def _stages(config: SwinConfig) -> list[str]:
    if len(config.depths) != len(config.num_heads):
        lengths = f"depths {config.depths} and num_heads {config.num_heads} differ in length"
        return [f"{lengths}; allowed: one of each a stage"]
    return [
        f"stage {stage} has {width} channels for {heads} heads, allowed: a multiple"
        for stage, heads in enumerate(config.num_heads)
        if isinstance(heads, int) and heads >= 1 and (width := config.embed_dim * 2**stage) % heads
    ]


def _choices(config: SwinConfig) -> list[str]:
    return [
        f"{name} is {getattr(config, name)!r}, allowed: {', '.join(allowed)}"
        for name, allowed in (("design", get_args(Design)), ("shift", get_args(Shift)))
        if getattr(config, name) not in allowed
    ]


# Paper Sec. 3.1 and reference counts; L-384 is L for 384 px, whose window is 8x12x12.
SWIN_T = SwinConfig(embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24))
SWIN_S = replace(SWIN_T, depths=(2, 2, 18, 2))
SWIN_B = replace(SWIN_S, embed_dim=128, num_heads=(4, 8, 16, 32))
SWIN_L = replace(SWIN_S, embed_dim=192, num_heads=(6, 12, 24, 48))
SWIN_L_384 = replace(SWIN_L, window=(8, 12, 12))

VARIANTS: dict[str, SwinConfig] = {
    "swin_t": SWIN_T,
    "swin_s": SWIN_S,
    "swin_b": SWIN_B,
    "swin_l": SWIN_L,
    "swin_l_384": SWIN_L_384,
}
