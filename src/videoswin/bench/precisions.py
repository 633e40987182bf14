"""The precisions that are measured: what each does to a model, as tables from name to functions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from videoswin.predict.arithmetic import Precision as FrozenPrecision
from videoswin.predict.arithmetic import Speed, ready

Precision = Literal["fp32", "tf32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Infer = Callable[[Tensor], Tensor]
"""Clips (B, 3, T, H, W) float32 -> logits (B, K)."""
Context = Callable[[], contextlib.AbstractContextManager[object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arithmetic:
    """prepare: a model in eval mode to what is timed. autocast: what the forward pass of a training step runs
    in; None if this cannot be trained. around: what every step runs in, backward too. dtype: of the matrix
    products, whose peak is the roofline. tolerance: how far the result of an arm may be from that of the
    first, relative to its size, to count as the same."""

    prepare: Callable[[nn.Module], Infer]
    autocast: Context | None
    dtype: torch.dtype
    tolerance: float
    around: Context = contextlib.nullcontext


def eager(device: torch.device) -> dict[Precision, Arithmetic]:
    """What every model can do on this device, peers too."""
    fp32 = Arithmetic(prepare=_as_it_is, autocast=contextlib.nullcontext, dtype=torch.float32, tolerance=1e-3)
    autocast = partial(torch.autocast, device.type, dtype=torch.bfloat16)
    bf16 = Arithmetic(
        prepare=partial(_autocasted, autocast), autocast=autocast, dtype=torch.bfloat16, tolerance=1e-1
    )
    if device.type != "cuda":
        return {"fp32": fp32, "bf16": bf16}
    tf32 = Arithmetic(
        prepare=_as_it_is,
        autocast=contextlib.nullcontext,
        dtype=torch.float32,
        tolerance=1e-2,
        around=tensor_float_32,
    )
    return {"fp32": fp32, "tf32": tf32, "bf16": bf16}


def frozen(device: torch.device) -> dict[Precision, Arithmetic]:
    """What prediction and evaluation make of our model on this device, at their fastest: on CUDA with
    compiled blocks and CUDA graphs."""
    table: dict[Precision, Arithmetic] = {
        "fp32": _frozen("fp32", device, torch.float32, 1e-3),
        "bf16": _frozen("bf16", device, torch.bfloat16, 1e-1),
    }
    if device.type == "cpu":
        table["int8"] = _frozen("int8", device, torch.int8, 5e-1)
    return table


@contextlib.contextmanager
def tensor_float_32() -> Iterator[None]:
    """Products of float32 matrices are rounded to 10 bits, on GPUs that have it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _as_it_is(model: nn.Module) -> Infer:
    return model


def _autocasted(autocast: Context, model: nn.Module) -> Infer:
    def infer(clips: Tensor) -> Tensor:
        with autocast():
            logits: Tensor = model(clips)
        return logits

    return infer


def _frozen(
    precision: FrozenPrecision, device: torch.device, dtype: torch.dtype, tolerance: float
) -> Arithmetic:
    is_cuda = device.type == "cuda"
    speed = Speed(compile_blocks=is_cuda, cuda_graphs=is_cuda)
    prepare = partial(ready, precision=precision, device=device, speed=speed)
    return Arithmetic(prepare=prepare, autocast=None, dtype=dtype, tolerance=tolerance)
