"""Inputs of the kernels and their errors against the float64 reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videoswin.ops import reference, triton
from videoswin.values import Size3

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
NAMES = ("out", "qkv", "table", "pad")


@dataclass(frozen=True, kw_only=True)
class Problem:
    grid: tuple[int, int, int]
    window: tuple[int, int, int]
    shift: tuple[int, int, int] = (0, 0, 0)
    batch: int = 1
    heads: int = 1
    width: int = 16
    dtype: torch.dtype = torch.float32
    legacy: bool = False
    has_table: bool = True
    scale: float = 1.0
    """Of the queries, and so of the scores."""

    def inputs(self) -> list[Tensor | None]:
        """qkv in dtype, bias table and pad_qkv in float32, requiring gradients."""
        generator = torch.Generator().manual_seed(0)
        p, m, n = self.window
        rows = (2 * p - 1) * (2 * m - 1) * (2 * n - 1)
        token = (3, self.heads, self.width)
        shapes = ((self.batch, *self.grid, *token), (rows, self.heads), token)
        qkv, table, pad = (torch.randn(shape, generator=generator).to(DEVICE) for shape in shapes)
        qkv[..., 0, :, :] *= self.scale
        qkv = qkv.to(self.dtype)
        pad = pad.to(self.dtype).float()  # what the kernels read
        return [
            qkv.requires_grad_(),
            table.requires_grad_() if self.has_table else None,
            pad.requires_grad_(),
        ]

    def sizes(self) -> dict:
        sizes = {"window": Size3(*self.window), "shift": Size3(*self.shift)}
        return {**sizes, "legacy_bias_index": self.legacy}


def results(run, problem: Problem, inputs: list[Tensor | None]) -> list[Tensor]:
    """The output, and the gradients of a random projection of it; no table, no gradient."""
    out = run(*inputs, **problem.sizes())
    projection = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(problem.dtype)
    grads = torch.autograd.grad(
        out, [x for x in inputs if x is not None], projection.to(out), materialize_grads=True
    )
    return [out.detach(), *grads]


def errors(
    problem: Problem, run=triton.window_attention, oracle=reference.window_attention
) -> dict[str, float]:
    """Relative error (norm) of the output and the gradients of `run` against `oracle` in float64."""
    inputs = problem.inputs()
    exact = [None if x is None else x.detach().double().cpu().requires_grad_() for x in inputs]
    ours = results(run, problem, inputs)
    theirs = results(oracle, problem, exact)
    names = NAMES if problem.has_table else ("out", "qkv", "pad")
    return {
        name: float((a.double().cpu() - b).norm() / b.norm().clamp_min(1e-30))
        for name, a, b in zip(names, ours, theirs, strict=True)
    }
