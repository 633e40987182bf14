"""The one place that calls scaled_dot_product_attention for backend `sdpa`, away from what is wrong or slow
in torch's fused kernels for CUDA:

- cuDNN reads a mask of another dtype than q as if it had q's (pytorch#191612): masks have q's dtype here.
- cuDNN's backward gives NaN for some lengths (pytorch#196678), and the efficient kernel's writes the bias
  gradient of every window: no backward of torch's runs here (see `sdpa`).
- Which kernel runs is not left to torch: `pinned`. None of them keeps the scores.
- A mask whose rows don't start at multiples of 8 numbers is copied at every call: `aligned`.
- At most 65,535 sequences fit one call.

heads H, S tokens of a sequence, d width of a head.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

ALIGNMENT = 8
"""Numbers: of the rows of a mask, and of the width of a head."""
SEQUENCES_AT_ONCE = 65_535
SCORES_AT_ONCE = 2**24
"""Where no fused kernel exists scores are in memory; so many at a time."""


def pinned(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """The kernels that may run, in order of preference. A context of the whole operator, not of each call."""
    manager: AbstractContextManager[None] = sdpa_kernel(kernels(device, dtype), set_priority=True)
    return manager


def kernels(device: torch.device, dtype: torch.dtype) -> list[SDPBackend]:
    """cuDNN for half precision (forward only: see above), the efficient kernel for float32 and where cuDNN
    refuses (old devices, deterministic algorithms); neither has float64, nor bfloat16 before capability
    8.0. On a CPU the flash kernel, in any precision."""
    if device.type != "cuda":
        return [SDPBackend.FLASH_ATTENTION]
    if dtype == torch.float64 or (dtype == torch.bfloat16 and _capability(device) < 8):
        return [SDPBackend.MATH]
    efficient = [SDPBackend.EFFICIENT_ATTENTION]
    return efficient if dtype == torch.float32 else [SDPBackend.CUDNN_ATTENTION, *efficient]


def _capability(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).major)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k' / sqrt(d) + mask) v: q, k, v (sequences, H, S, d), mask (1, H or 1, S, S) as `aligned`
    makes it. Returns (sequences, S, H*d)."""
    width = q.shape[-1]
    missing = -width % ALIGNMENT if q.is_cuda else 0
    if missing:
        q, k, v = (F.pad(x, (0, missing)) for x in (q, k, v))
    size = _sequences_at_once(q)
    parts = [
        F.scaled_dot_product_attention(some_q, some_k, some_v, attn_mask=mask, scale=width**-0.5)
        for some_q, some_k, some_v in zip(*(x.split(size) for x in (q, k, v)), strict=True)
    ]
    out = parts[0] if len(parts) == 1 else torch.cat(parts)
    return out[..., :width].transpose(1, 2).flatten(2)


def aligned(bias: Tensor | None, mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """bias (H, S, S) plus mask (S, S) as one mask (1, H or 1, S, S) in `dtype`, q's, with rows that start at
    multiples of ALIGNMENT numbers."""
    if bias is None and mask is None:
        return None
    whole = bias if mask is None else mask[None] if bias is None else bias + mask
    assert whole is not None
    heads, tokens, _ = whole.shape
    stored = whole.new_empty(1, heads, tokens, tokens + -tokens % ALIGNMENT, dtype=dtype)
    stored[..., :tokens] = whole
    return stored[..., :tokens]


def _sequences_at_once(q: Tensor) -> int:
    if kernels(q.device, q.dtype) != [SDPBackend.MATH]:
        return SEQUENCES_AT_ONCE
    _, heads, tokens, _ = q.shape
    return min(SEQUENCES_AT_ONCE, max(1, SCORES_AT_ONCE // (heads * tokens**2)))
