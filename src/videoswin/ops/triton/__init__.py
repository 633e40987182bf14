"""Backend `triton`: fused kernels of shifted-window attention for CUDA, forward and backward.

Nothing is partitioned, rolled, padded or masked in memory: programs read the tokens of their box out of
natural order, and boxes hold nothing that a mask would hide (docs/kernels.md). This package can be imported
without Triton; `unavailable` says whether it can run.

The files, as a call meets them: operators (what PyTorch sees), call, launch (memory and grids), plan (tables
of boxes), bias (from and to the bias table), configs and tuning (sizes of tiles), trial (do they work here?);
kernels: table, tokens, forward, backward.
"""

from __future__ import annotations

import importlib.util
import os

import torch
from torch import Tensor

from videoswin.ops.triton.operators import triton_attention
from videoswin.ops.triton.trial import fault
from videoswin.values import Size3

__all__ = ["unavailable", "unavailable_for", "window_attention"]

HAS_TRITON = importlib.util.find_spec("triton") is not None
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
LARGEST_WIDTH = 256
LEAST_CAPABILITY = (8, 0)


def window_attention(
    qkv: Tensor,
    bias_table: Tensor | None,
    pad_qkv: Tensor,
    *,
    window: Size3,
    shift: Size3,
    legacy_bias_index: bool,
) -> Tensor:
    """See `videoswin.ops.window_attention`. qkv (B, t, h, w, 3, heads, d) -> (B, t, h, w, heads*d)."""
    out: Tensor
    out, _ = triton_attention(qkv, bias_table, pad_qkv, window, shift, legacy_bias_index)
    return out


def unavailable(qkv: Tensor) -> str | None:
    """Why the kernels cannot run on qkv, in one line; None if they can."""
    return unavailable_for(qkv.device, qkv.dtype, qkv.shape[-1])


def unavailable_for(device: torch.device, dtype: torch.dtype, width: int) -> str | None:
    """Why the kernels cannot run there, with heads of `width` channels; None if they can."""
    if dtype not in DTYPES:
        return f"the kernels take float32, float16 and bfloat16, not {str(dtype).removeprefix('torch.')}"
    if width % 16 or width > LARGEST_WIDTH:
        return f"the kernels take heads of a multiple of 16 up to {LARGEST_WIDTH} channels, not {width}"
    return _device_unavailable(device) or fault(_with_index(device), dtype, width)


def _with_index(device: torch.device) -> torch.device:
    """`cuda` is the current one: one device is tried once, however it is named."""
    is_current = device.type == "cuda" and device.index is None
    return torch.device("cuda", torch.cuda.current_device()) if is_current else device


def _device_unavailable(device: torch.device) -> str | None:
    if not HAS_TRITON:
        return "Triton is not installed: pip install 'videoswin[kernels]'"
    if device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1":
        return None
    if device.type != "cuda" or torch.version.hip is not None:
        return f"the kernels run on CUDA devices, not {device.type}"
    properties = torch.cuda.get_device_properties(device)  # a compiler knows it, not get_device_capability
    capability = properties.major, properties.minor
    if capability < LEAST_CAPABILITY:
        return f"the kernels need compute capability 8.0, the device has {capability[0]}.{capability[1]}"
    return None
