"""Linear maps whose weights are made ready once, with what follows them in the same pass over memory.

oneDNN adds the bias, applies GELU and adds the residual while a result is still in registers; torch.addmm
first copies the bias to the whole result and GELU reads and writes it once more. These operators are private
to PyTorch (its compiler emits them), so they are asked for and every map has a plain form, too.

rows tokens, C channels in, K channels out.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videoswin.model.frozen.int8 import Int8Linear

FrozenPrecision = Literal["fp32", "bf16", "int8"]


def token_dtype(precision: FrozenPrecision) -> torch.dtype:
    """Of tokens between layers. int8 is for linear maps; the rest is the fastest that the processor has."""
    if precision == "int8":
        return torch.bfloat16 if computes_bf16_fast() else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


class FrozenLinear(Protocol):
    """(rows, C) -> (rows, K), both of the dtype of tokens."""

    def __call__(self, x: Tensor) -> Tensor: ...

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        """The map of x plus `residual` (rows, K), as a new tensor."""
        ...


def frozen_linear(
    linear: nn.Linear,
    precision: FrozenPrecision,
    *,
    rows: int,
    gelu: bool = False,
    gate: Tensor | None = None,
) -> FrozenLinear:
    """A linear map, then GELU if asked for. rows: how many will mostly come at once; any number works. gate:
    a number that the result is multiplied with."""
    weight, bias = linear.weight.detach(), None if linear.bias is None else linear.bias.detach()
    if gate is not None:
        weight, bias = weight * gate, None if bias is None else bias * gate
    dtype = token_dtype(precision)
    if precision == "int8":
        return Int8Linear(weight, bias, rows=rows, gelu=gelu)
    weight, bias = weight.to(dtype), None if bias is None else bias.to(dtype)
    if has_fused_linear(dtype):
        return _FusedLinear(weight, bias, rows=rows, gelu=gelu)
    return _PlainLinear(weight, bias, gelu=gelu)


def has_fused_linear(dtype: torch.dtype) -> bool:
    """Whether this PyTorch on this processor has oneDNN's linear map with what follows it."""
    if not torch.backends.mkldnn.is_available() or not torch.backends.mkldnn.enabled:
        return False
    operators = torch.ops.mkldnn
    if not (hasattr(operators, "_linear_pointwise") and hasattr(operators, "_reorder_linear_weight")):
        return False
    # float32 is packed for any processor; bfloat16 needs AVX-512 and is refused elsewhere.
    return dtype == torch.float32 or bool(operators._is_mkldnn_bf16_supported())


def computes_bf16_fast() -> bool:
    """Whether the processor multiplies bfloat16 faster than float32: AVX-512 BF16 or AMX, and oneDNN uses
    it."""
    instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return has_fused_linear(torch.bfloat16) and instructions


class _FusedLinear:
    """Keeps the weight in the layout that oneDNN reads fastest, and in no other."""

    def __init__(self, weight: Tensor, bias: Tensor | None, *, rows: int, gelu: bool) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)
        self._bias = bias
        # The algorithm "none" is the exact GELU.
        self._after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, *self._after)
        return out

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        assert self._after[0] == "none"
        out: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, residual, self._weight, self._bias, "add")
        return out


class _PlainLinear:
    def __init__(self, weight: Tensor, bias: Tensor | None, *, gelu: bool) -> None:
        self._weight, self._bias, self._gelu = weight, bias, gelu

    def __call__(self, x: Tensor) -> Tensor:
        out = F.linear(x, self._weight, self._bias)
        return F.gelu(out) if self._gelu else out

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        return self(x).add_(residual)
