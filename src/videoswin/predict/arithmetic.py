"""How a model computes: its precision, and the fastest form of it that the device has.

The one place that decides it, for prediction and evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from videoswin.errors import ConfigError
from videoswin.model.frozen import FrozenSwin, can_freeze, computes_bf16_fast
from videoswin.model.swin import VideoSwin
from videoswin.predict.cuda_graph import Replayed

Precision = Literal["fp32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""Softmax and the mean over views are always float32."""

LARGEST_DIFFERENCE = 0.02
"""How far a class probability of the first views may be from its float32 value for `choose` to take bf16."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What makes a Video Swin faster on a GPU and costs time or memory first. compile_blocks: `torch.compile`
    of its blocks. cuda_graphs: small batches are recorded and replayed (`cuda_graph`)."""

    compile_blocks: bool = False
    cuda_graphs: bool = False


def ready(
    model: nn.Module, precision: Precision, device: torch.device, *, speed: Speed = Speed()
) -> nn.Module:
    """`model` on `device` in eval mode, computing in `precision`: clips (B, 3, T, H, W) -> logits (B, K).

    On a CPU a Video Swin is frozen (`model.frozen`), a copy of its weights; others compute under autocast.
    Raises ConfigError for a precision or a `speed` that the model does not have there.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is {precision!r}; allowed: {', '.join(PRECISIONS)}")
    _check_speed(speed, model, device)
    if device.type == "cpu" and isinstance(model, VideoSwin) and can_freeze(model):
        return FrozenSwin(model.eval(), precision)
    if precision == "int8":
        raise ConfigError("precision is 'int8', which only a Video Swin on a CPU has; allowed: fp32, bf16")
    model = model.to(device).eval()
    if speed.compile_blocks:
        from videoswin.model.compiling import compile_blocks  # the compiler takes a second to load

        compile_blocks(model)
    if precision == "bf16":
        model = Autocast(model, device)
    return Replayed(model) if speed.cuda_graphs else model


def _check_speed(speed: Speed, model: nn.Module, device: torch.device) -> None:
    """On a CPU the frozen form is faster than compiled blocks (docs/log.md)."""
    for name, is_wanted in (("compile_blocks", speed.compile_blocks), ("cuda_graphs", speed.cuda_graphs)):
        if is_wanted and not (device.type == "cuda" and isinstance(model, VideoSwin)):
            what = f"{type(model).__name__} on {device}"
            raise ConfigError(f"{name} is true, which is for a Video Swin on CUDA; allowed for {what}: false")


class Autocast(nn.Module):
    """A model whose matrix products are bfloat16."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.model, self.device_type = model, device.type

    def forward(self, clips: Tensor) -> Tensor:
        with torch.autocast(self.device_type, dtype=torch.bfloat16):
            logits: Tensor = self.model(clips)
        return logits


class Chosen(nn.Module):
    """The precision `auto`: bf16 where the device computes it fast and the first views agree, else fp32.

    reason: one line on what was chosen and why; empty before the first views.
    """

    def __init__(self, model: nn.Module, device: torch.device, *, speed: Speed = Speed()) -> None:
        super().__init__()
        self.reason = ""
        self.fp32 = ready(model, "fp32", device, speed=speed)
        self.bf16: nn.Module | None = None
        if not isinstance(model, VideoSwin):
            self.reason = "precision fp32: bf16 is chosen only for a Video Swin"
        elif not _computes_bf16_fast(device):
            self.reason = f"precision fp32: {device} has no fast bfloat16 products"
        else:
            self.bf16 = ready(model, "bf16", device, speed=speed)

    def forward(self, clips: Tensor) -> Tensor:
        if self.bf16 is None:
            logits: Tensor = self.fp32(clips)
            return logits
        low: Tensor = self.bf16(clips)
        if not self.reason:
            full: Tensor = self.fp32(clips)
            self._choose(low, full)
            return full if self.bf16 is None else low
        return low

    def _choose(self, low: Tensor, full: Tensor) -> None:
        """Drops the form that is not used. low, full: logits (B, K)."""
        shares = full.softmax(1)
        difference = float((low.softmax(1) - shares).abs().max())
        same = bool((low.argmax(1) == full.argmax(1)).all())
        found = (
            f"classes of the first views {'agree' if same else 'differ'}, probabilities to {difference:.4f}"
        )
        if same and difference <= LARGEST_DIFFERENCE:
            self.reason, self.fp32 = f"precision bf16: {found}", nn.Identity()
        else:
            self.reason, self.bf16 = f"precision fp32: in bf16 {found}", None


def _computes_bf16_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).major >= 8  # the first with bfloat16 tensor cores
    return device.type == "cpu" and computes_bf16_fast()
