"""The precisions that are measured: what each does to a model, as a table from name to functions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from videoswin.predict.arithmetic import ready

Precision = Literal["fp32", "bf16", "int8"]
Infer = Callable[[Tensor], Tensor]
"""Clips (B, 3, T, H, W) float32 -> logits (B, K)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arithmetic:
    """prepare: a model in eval mode to what is timed. autocast: what the forward pass of a training step runs
    in; None if this cannot be trained. dtype: of the matrix products, whose peak is the roofline. tolerance:
    how far the result of an arm may be from that of the first, relative to its size, to count as the same."""

    prepare: Callable[[nn.Module], Infer]
    autocast: Callable[[], contextlib.AbstractContextManager[object]] | None
    dtype: torch.dtype
    tolerance: float


def _autocast() -> contextlib.AbstractContextManager[object]:
    return torch.autocast("cpu", dtype=torch.bfloat16)


def _as_it_is(model: nn.Module) -> Infer:
    return model


def _autocasted(model: nn.Module) -> Infer:
    def infer(clips: Tensor) -> Tensor:
        with _autocast():
            logits: Tensor = model(clips)
        return logits

    return infer


EAGER: dict[Precision, Arithmetic] = {
    "fp32": Arithmetic(
        prepare=_as_it_is, autocast=contextlib.nullcontext, dtype=torch.float32, tolerance=1e-3
    ),
    "bf16": Arithmetic(prepare=_autocasted, autocast=_autocast, dtype=torch.bfloat16, tolerance=1e-1),
}
"""What every model can do, peers too."""


def _frozen(precision: Precision, dtype: torch.dtype, tolerance: float) -> Arithmetic:
    prepare = partial(ready, precision=precision, device=torch.device("cpu"))
    return Arithmetic(prepare=prepare, autocast=None, dtype=dtype, tolerance=tolerance)


FROZEN: dict[Precision, Arithmetic] = {
    "fp32": _frozen("fp32", torch.float32, 1e-3),
    "bf16": _frozen("bf16", torch.bfloat16, 1e-1),
    "int8": _frozen("int8", torch.int8, 5e-1),
}
"""What prediction and evaluation make of our model."""
