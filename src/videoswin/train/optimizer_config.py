"""How a run learns: optimizer and learning rate. No torch here, as in config.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from videoswin.train.rules import Rule, check, is_at_least

Preset = Literal["official", "clean"]
Shape = Literal["official", "smooth"]


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW (paper Sec. 4.1)."""

    learning_rate: float = 3e-4
    """Of the head. Not rescaled for the batch size."""
    backbone_multiplier: float = 0.1
    """The layers below the head learn at this times `learning_rate`. 0.1 is better than 1 for pretrained
    ones (paper Table 7); without pretrained weights 1 is right."""
    layer_decay: float = 1.0
    """Each block learns at this times the rate of the one above it, the patch embedding slowest; the head and
    the last norm are at the top. 0.7 to 0.9 is usual. 1: all alike, as in the paper."""
    weight_decay: float = 0.05
    """Decoupled, as AdamW's (paper: T and S 0.02, B 0.05)."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the running means of gradient and squared gradient."""
    preset: Preset = "clean"
    """Parameter groups: `clean` as the paper has it, `official` as its code did it (train/groups.py)."""
    max_gradient_norm: float = 0.0
    """Gradients of a larger norm, over all parameters, are scaled down to it. 0: never, as in the paper."""

    def __post_init__(self) -> None:
        rate, multiplier, decay = self.learning_rate, self.backbone_multiplier, self.weight_decay
        norm, layers, prefix = self.max_gradient_norm, self.layer_decay, "optimizer"
        check(
            Rule(f"{prefix}.learning_rate", rate, math.isfinite(rate) and rate > 0, "more than 0"),
            Rule(f"{prefix}.backbone_multiplier", multiplier, is_at_least(0, multiplier), "0 or more"),
            Rule(f"{prefix}.layer_decay", layers, 0 < layers <= 1, "more than 0, at most 1"),
            Rule(f"{prefix}.weight_decay", decay, is_at_least(0, decay), "0 or more"),
            Rule(f"{prefix}.betas", self.betas, all(0 <= b < 1 for b in self.betas), "numbers in [0, 1)"),
            Rule(f"{prefix}.preset", self.preset, self.preset in get_args(Preset), "official, clean"),
            Rule(f"{prefix}.max_gradient_norm", norm, is_at_least(0, norm), "0 (off) or more"),
        )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate moves over the run. The formulae are in train/schedule.py."""

    shape: Shape = "smooth"
    """Of the cosine after the warm-up. `smooth` moves every step, `official` once an epoch as published."""
    warmup_epochs: float = 2.5
    """Linear rise at the start, in epochs; may be a fraction, must be less than `epochs`."""

    def __post_init__(self) -> None:
        warmup = self.warmup_epochs
        check(
            Rule("schedule.shape", self.shape, self.shape in get_args(Shape), "official, smooth"),
            Rule("schedule.warmup_epochs", warmup, is_at_least(0, warmup), "0 or more"),
        )
