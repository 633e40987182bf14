"""A linear map in 8 bits: weights rounded once, tokens at every call.

oneDNN multiplies unsigned by signed bytes into 32 bits and scales them to the dtype of the tokens. A weight
has a scale for each output; tokens have one scale and zero point for all that come at once, from their
smallest and largest number, so that nothing is calibrated beforehand.

rows tokens, C channels in, K channels out.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST_WEIGHT = 127
TOKEN_STEPS = 254
"""Between the smallest and the largest token: one less than bytes have, which leaves room for a zero point
that is rounded up, and so needs no clamping."""


class Int8Linear:
    """See `linear.FrozenLinear`. Without oneDNN's operator the same bytes are multiplied as float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None, *, rows: int, gelu: bool) -> None:
        weight = weight.float()
        scale = weight.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / LARGEST_WEIGHT  # (K,)
        rounded = (weight / scale[:, None]).round().to(torch.int8)
        self._scale, self._zero = scale, torch.zeros(len(weight), dtype=torch.int32)
        self._bias = None if bias is None else bias.float()
        self._gelu, self._is_fused = gelu, has_fused_int8()
        self._weight = rounded
        if self._is_fused:
            self._weight = torch.ops.onednn.qlinear_prepack(rounded, [rows, weight.shape[1]])

    def __call__(self, x: Tensor) -> Tensor:
        tokens, scale, zero = to_bytes(x)
        if not self._is_fused:
            plain = F.linear((tokens.float() - zero) * scale, self._weight * self._scale[:, None], self._bias)
            return (F.gelu(plain) if self._gelu else plain).to(x.dtype)
        out: Tensor = torch.ops.onednn.qlinear_pointwise(
            tokens,
            scale,
            zero,
            self._weight,
            self._scale,
            self._zero,
            self._bias,
            1.0,  # scale and zero point of the result, which is not rounded
            0,
            x.dtype,
            "gelu" if self._gelu else "none",
            [],
            "none",  # the exact GELU
        )
        return out

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        return self(x).add_(residual)


def has_fused_int8() -> bool:
    """Whether this PyTorch has oneDNN's linear map of bytes."""
    operators = torch.ops.onednn
    return torch.backends.mkldnn.is_available() and all(
        hasattr(operators, name) for name in ("qlinear_prepack", "qlinear_pointwise")
    )


def to_bytes(x: Tensor) -> tuple[Tensor, float, int]:
    """uint8 of the shape of x, with a scale and zero point: x is about (bytes - zero point) * scale."""
    smallest, largest = (float(value) for value in torch.aminmax(x))
    smallest, largest = min(smallest, 0.0), max(largest, 0.0)  # 0 is exact: most of a GELU's results
    scale = max((largest - smallest) / TOKEN_STEPS, torch.finfo(torch.float32).tiny)
    zero = math.ceil(-smallest / scale)
    # The half makes cutting off a rounding.
    scaled = torch.add(torch.tensor(zero + 0.5), x.float(), alpha=1 / scale)
    return scaled.to(torch.uint8), scale, zero
