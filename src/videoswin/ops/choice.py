"""Which backend computes a window attention: what is asked for, else what suits the device."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable

import torch
from torch import Tensor

from videoswin.errors import ConfigError
from videoswin.ops import boxes, reference, sdpa, triton

log = logging.getLogger(__name__)

BACKENDS: dict[str, Callable[..., Tensor]] = {
    "reference": reference.window_attention,
    "boxes": boxes.window_attention,
    "sdpa": sdpa.in_classes,
    "sdpa-boxes": sdpa.in_boxes,
    "triton": triton.window_attention,
}
BACKEND_VARIABLE = "VIDEOSWIN_ATTENTION"


def requested_backend(argument: str | None = None) -> str | None:
    """The backend that is asked for: the argument, else the environment variable VIDEOSWIN_ATTENTION, else
    None: it is chosen at each call.

    Raises ConfigError for an unknown name.
    """
    name = argument or os.environ.get(BACKEND_VARIABLE) or None
    if name is not None and name not in BACKENDS:
        source = "attention_backend" if argument else BACKEND_VARIABLE
        raise ConfigError(f"{source} is {name!r}; allowed: {', '.join(BACKENDS)}")
    return name


def select_backend(
    requested: str | None = None,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    head_width: int = 32,
) -> str:
    """The backend that computes qkv of this device, dtype and width of a head: what is asked for (see
    `requested_backend`), else on CUDA `triton` where its kernels run, else `sdpa`; `boxes` on all other
    devices.

    Raises ConfigError for an unknown name, and if `triton` is asked for where its kernels do not run.
    """
    name = requested_backend(requested)
    device = torch.device(device)
    if name == "triton" and (reason := _why_not_triton(device, dtype, head_width)) is not None:
        raise ConfigError(f"attention_backend is 'triton', which cannot be used: {reason}")
    if name is not None:
        return name
    if device.type != "cuda":
        return "boxes"
    reason = _why_not_triton(device, dtype, head_width)
    if reason is None:
        return "triton"
    _say_once(reason)
    return "sdpa"


# What torch.compiler.assume_constant_result does, which would load the compiler, a second, in every process:
# the choice is no part of a graph.
select_backend._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _why_not_triton(device: torch.device, dtype: torch.dtype, head_width: int) -> str | None:
    """One line, or None if the Triton kernels compute such a qkv."""
    return triton.unavailable_for(device, dtype, head_width)


@functools.cache
def _say_once(reason: str) -> None:
    """Of each process: attention is computed many times a second."""
    log.info("attention backend sdpa, not triton: %s", reason)
