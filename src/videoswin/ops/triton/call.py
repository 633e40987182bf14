"""One call of the kernels: its inputs, its tables and what the kernels are compiled for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import triton
from torch import Tensor

from videoswin.ops.recorded import kept_for_graphs
from videoswin.ops.triton.configs import Config, Kernel
from videoswin.ops.triton.plan import Plan, plan
from videoswin.ops.triton.tuning import Work, choose
from videoswin.values import Size3

Result = TypeVar("Result")
LOG2_E = math.log2(math.e)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call's inputs, contiguous, and its tables."""

    qkv: Tensor
    bias_table: Tensor | None
    pad_qkv: Tensor
    """In the dtype of qkv."""
    plan: Plan

    @classmethod
    def of(
        cls,
        qkv: Tensor,
        bias_table: Tensor | None,
        pad_qkv: Tensor,
        *,
        window: Size3,
        shift: Size3,
        legacy_bias_index: bool,
    ) -> Call:
        """qkv (B, t, h, w, 3, heads, d) is copied if it is not contiguous (as a projection's output is)."""
        grid = Size3(*qkv.shape[1:4])
        boxes = plan(grid, window=window, shift=shift, legacy_bias_index=legacy_bias_index, device=qkv.device)
        boxes = kept_for_graphs(boxes, qkv.device)
        bias_table = None if bias_table is None else bias_table.contiguous()
        return cls(
            qkv=qkv.contiguous(),
            bias_table=bias_table,
            pad_qkv=pad_qkv.to(qkv.dtype).contiguous(),
            plan=boxes,
        )

    @property
    def heads(self) -> int:
        return self.qkv.shape[5]

    @property
    def width(self) -> int:
        return self.qkv.shape[6]

    @property
    def num_rows(self) -> int:
        return math.prod(self.qkv.shape[1:4])

    @property
    def scale(self) -> float:
        """Of exponents of two."""
        return LOG2_E / math.sqrt(self.width)

    @property
    def box(self) -> int:
        """Tokens of the largest box."""
        return max(block.length for block in self.plan.blocks)

    def constants(self, config: Config) -> dict[str, Any]:
        """What every attention kernel is compiled for."""
        return {
            "WIDTH": self.width,
            "BLOCK_D": triton.next_power_of_2(self.width),
            "BLOCK_M": config.rows,
            "BLOCK_N": config.columns,
            "HAS_PADDING": self.plan.has_padding,
            "PRECISION": _precision(self.qkv),
            "num_warps": config.num_warps,
            "num_stages": config.num_stages,
        }

    def run(self, kernel: Kernel, run: Callable[[Config], Result]) -> Result:
        """`run` with the best sizes known."""
        work = Work(kernel, self.width, self.qkv.dtype, self.box, self.qkv.device)
        return run(choose(work, run))


def _precision(qkv: Tensor) -> str:
    """Of products of float32: TF32 only if PyTorch's own products use it. See `tokens.dot`."""
    if not qkv.is_cuda and qkv.dtype == torch.bfloat16:
        return "widened"
    return "tf32" if torch.backends.cuda.matmul.fp32_precision == "tf32" else "ieee"
