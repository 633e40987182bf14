"""Whether the kernels compute what they should on a device: tried once in a process, before they are chosen.

Compilers, drivers and devices differ, and a wrong attention looks like a bad model. A small problem with
shifts and padding costs the compilation of its kernels, which Triton keeps on disk.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from videoswin.ops import reference
from videoswin.ops.triton.operators import triton_attention
from videoswin.values import Size3

GRID, WINDOW, SHIFT = Size3(3, 5, 4), Size3(2, 3, 3), Size3(1, 1, 1)
HEADS = 2
TOLERANCES = {torch.float32: 3e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""Relative errors that rounding explains (of float32: to TF32), several times over; mistakes give more."""


@functools.cache
def fault(device: torch.device, dtype: torch.dtype, width: int) -> str | None:
    """What is wrong with the kernels there, for heads of `width` channels, in one line; None: nothing."""
    with _as_if_alone():
        inputs = _inputs(dtype, width)
        expected = _reference(inputs)
        try:
            found = _kernels([x.to(device) for x in inputs])
        # Whatever a compiler or driver raises: another backend can do the work.
        except Exception as error:
            return f"the kernels fail here: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        errors = [_relative_error(one, other) for one, other in zip(found, expected, strict=True)]
    if all(error <= TOLERANCES[dtype] for error in errors):  # not so if one is NaN
        return None
    listed = ", ".join(f"{error:.1e}" for error in errors)
    return f"the kernels compute something else here: relative errors {listed}"


@contextlib.contextmanager
def _as_if_alone() -> Iterator[None]:
    """Nothing of where the first attention happens to be called reaches the trial: a compiler that traces
    with fake tensors, a checkpoint that would compute its block again for what is kept here, a default
    device."""
    with (
        _disable_current_modes(),
        torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x),
        torch.device("cpu"),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        yield


def _inputs(dtype: torch.dtype, width: int) -> list[Tensor]:
    """qkv, bias table, pad_qkv and a gradient of the result."""
    generator = torch.Generator().manual_seed(0)
    rows = (2 * WINDOW.t - 1) * (2 * WINDOW.h - 1) * (2 * WINDOW.w - 1)
    qkv = torch.randn(1, *GRID, 3, HEADS, width, generator=generator).to(dtype)
    table = torch.randn(rows, HEADS, generator=generator)
    pad = torch.randn(3, HEADS, width, generator=generator)
    return [qkv, table, pad, torch.randn(1, *GRID, HEADS * width, generator=generator).to(dtype)]


def _reference(inputs: list[Tensor]) -> list[Tensor]:
    """On the CPU, in float64: result and gradients of qkv, bias table and pad_qkv."""
    qkv, table, pad, grad = (x.double() for x in inputs)
    leaves = [x.requires_grad_() for x in (qkv, table, pad)]
    out = reference.window_attention(*leaves, window=WINDOW, shift=SHIFT, legacy_bias_index=False)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad)]


def _kernels(inputs: list[Tensor]) -> list[Tensor]:
    """The same by the kernels."""
    *leaves, grad = inputs
    leaves = [x.requires_grad_() for x in leaves]
    out, _ = triton_attention(*leaves, [*WINDOW], [*SHIFT], False)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad)]


def _relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found.cpu().double() - expected).norm() / expected.norm())
