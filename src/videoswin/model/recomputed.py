"""The first linear map of an attention and the whole MLP, each with the LayerNorm before it, keeping only
their input.

On a CPU a training step waits for memory: what eager layers keep (normalised tokens, the MLP's hidden layer
twice) is four fifths of a step's activations, and writing it anew each step costs more than computing it
again from tokens that are in the cache. So the tokens are worked on some at a time and the backward begins
with the forward's first steps. The same sums as the plain layers, in another order; deterministic.

A GPU has no such cache, and memory is what it lacks: there the layers are plain, and torch's checkpoints keep
less where that is asked for (options.py).

C channels, K channels of the hidden layer or the output, rows = B*t*h*w tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from videoswin.model.options import Recompute

KEPT_ELEMENTS = 2**23 + 2**21
"""A hidden layer of up to so many numbers, as the later stages have it, is kept unless it is bfloat16: to
compute it again takes longer there than its memory is worth."""
ELEMENTS_AT_ONCE = 2**22
"""Numbers of the widest layer that are worked on at a time: few enough for the caches of two cores, enough
rows for efficient matrix products (measured, docs/log.md)."""


def norm_linear(
    x: Tensor, norm: nn.LayerNorm, linear: nn.Linear, *, recompute: Recompute | None = None
) -> Tensor:
    """`linear(norm(x))`: (B, t, h, w, C) -> (B, t, h, w, K). Under autocast the result has its dtype.

    recompute: what need not be kept for the backward pass; `blocks` says that the whole block is not.
    """
    if not _trains_on_cpu(x):
        return _again(lambda x: linear(norm(x)), x, lightly=recompute in ("light", "mlp"))
    out = _NormLinear.apply(  # type: ignore[no-untyped-call]
        x, norm.weight, norm.bias, linear.weight, linear.bias, norm.eps, _compute_dtype(x)
    )
    return out  # type: ignore[no-any-return]


def norm_mlp(
    x: Tensor, norm: nn.LayerNorm, fc1: nn.Linear, fc2: nn.Linear, *, recompute: Recompute | None = None
) -> Tensor:
    """`fc2(gelu(fc1(norm(x))))`: (B, t, h, w, C) -> the same shape. Under autocast the result has its
    dtype. recompute: as in `norm_linear`."""
    if not _trains_on_cpu(x):
        return _plain_mlp(x, norm, fc1, fc2, recompute)
    out = _NormMlp.apply(  # type: ignore[no-untyped-call]
        x,
        norm.weight,
        norm.bias,
        fc1.weight,
        fc1.bias,
        fc2.weight,
        fc2.bias,
        norm.eps,
        _compute_dtype(x),
        recompute != "mlp",
    )
    return out  # type: ignore[no-any-return]


def _plain_mlp(
    x: Tensor, norm: nn.LayerNorm, fc1: nn.Linear, fc2: nn.Linear, recompute: Recompute | None
) -> Tensor:
    if recompute == "mlp":
        return _checkpoint(lambda x: fc2(F.gelu(fc1(norm(x)))), x)
    is_light = recompute == "light"
    hidden = _again(lambda x: fc1(norm(x)), x, lightly=is_light)
    return _again(lambda hidden: fc2(F.gelu(hidden)), hidden, lightly=is_light)


def _again(layers: Callable[[Tensor], Tensor], x: Tensor, *, lightly: bool) -> Tensor:
    """`layers(x)`; if `lightly`, of a cheap function and a linear map only x is kept. The product is not
    computed again: torch stops when it has the last tensor that it needs, the product's input.

    A compiler keeps what is dear and computes the rest again by itself, and would take this for an order to
    compute the product again.
    """
    return _checkpoint(layers, x) if lightly and not torch.compiler.is_compiling() else layers(x)


def _checkpoint(layers: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    # Nothing in these layers is random.
    out: Tensor = checkpoint(layers, x, use_reentrant=False, preserve_rng_state=False)
    return out


def _trains_on_cpu(x: Tensor) -> bool:
    """A compiler fuses and recomputes by itself and needs to see plain layers. The meta device counts what a
    CPU takes."""
    return x.device.type in ("cpu", "meta") and torch.is_grad_enabled() and not torch.compiler.is_compiling()


def _compute_dtype(x: Tensor) -> torch.dtype:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


class _NormLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        eps: float,
        dtype: torch.dtype,
    ) -> Tensor:
        ctx.save_for_backward(x, gamma, beta, weight)
        ctx.eps, ctx.dtype, ctx.has_bias = eps, dtype, bias is not None
        rows, weight = x.flatten(0, -2), weight.to(dtype)
        bias = weight.new_zeros(len(weight)) if bias is None else bias.to(dtype)
        out = rows.new_empty(len(rows), len(weight), dtype=dtype)
        with torch.autocast("cpu", enabled=False):
            for some in _chunks(len(rows), len(weight)):
                normed = F.layer_norm(rows[some], gamma.shape, gamma, beta, eps).to(dtype)
                torch.addmm(bias, normed, weight.t(), out=out[some])
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma, beta, weight = ctx.saved_tensors
        rows, grad_rows, cast = x.flatten(0, -2), grad_out.flatten(0, -2), weight.to(ctx.dtype)
        norm = _NormGradient(rows, gamma, beta, ctx.eps, ctx.dtype)
        sums = _LinearGradient(weight.dtype)
        with torch.autocast("cpu", enabled=False):
            for some in _chunks(len(rows), len(weight)):
                normed = norm.forward(some)
                sums.add(grad_rows[some], normed)
                norm.backward(some, grad_rows[some] @ cast)
        grads = (norm.grad_x.view_as(x), norm.grad_gamma, norm.grad_beta, sums.weight)
        return *grads, sums.bias if ctx.has_bias else None, None, None


class _NormMlp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        weight1: Tensor,
        bias1: Tensor,
        weight2: Tensor,
        bias2: Tensor,
        eps: float,
        dtype: torch.dtype,
        may_keep: bool,
    ) -> Tensor:
        rows = x.flatten(0, -2)
        is_small = len(rows) * len(weight1) <= KEPT_ELEMENTS
        is_kept = may_keep and is_small and torch.finfo(dtype).bits >= 32
        kept = rows.new_empty(len(rows), len(weight1)) if is_kept else None
        ctx.save_for_backward(x, gamma, beta, weight1, bias1, weight2, kept)
        ctx.eps, ctx.dtype = eps, dtype
        weight1, bias1, weight2, bias2 = (p.to(dtype) for p in (weight1, bias1, weight2, bias2))
        out = rows.new_empty(rows.shape, dtype=dtype)
        (buffer,) = _buffers(rows, weight1, 1)
        with torch.autocast("cpu", enabled=False):
            for some in _chunks(len(rows), len(weight1)):
                normed = F.layer_norm(rows[some], gamma.shape, gamma, beta, eps).to(dtype)
                place = buffer[: len(normed)]
                hidden = _linear(normed, weight1, bias1, place if kept is None else kept[some])
                active = torch.ops.aten.gelu.out(hidden, out=place)
                torch.addmm(bias2, active, weight2.t(), out=out[some])
        return out.view(x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma, beta, weight1, bias1, weight2, kept = ctx.saved_tensors
        rows, grad_rows = x.flatten(0, -2), grad_out.flatten(0, -2)
        cast1, cast_bias1, cast2 = (p.to(ctx.dtype) for p in (weight1, bias1, weight2))
        norm = _NormGradient(rows, gamma, beta, ctx.eps, ctx.dtype)
        buffers = _buffers(rows, cast1, 2)
        sums1, sums2 = _LinearGradient(weight1.dtype), _LinearGradient(weight2.dtype)
        with torch.autocast("cpu", enabled=False):
            for some in _chunks(len(rows), len(weight1)):
                normed = norm.forward(some)
                hidden = _linear(normed, cast1, cast_bias1, buffers[0]) if kept is None else kept[some]
                other = buffers[1][: len(hidden)]
                sums2.add(grad_rows[some], torch.ops.aten.gelu.out(hidden, out=other))
                grad_active = torch.mm(grad_rows[some], cast2, out=other)
                grad_hidden = torch.ops.aten.gelu_backward.grad_input(grad_active, hidden, grad_input=other)
                sums1.add(grad_hidden, normed)
                norm.backward(some, grad_hidden @ cast1)
        grads = (norm.grad_x.view_as(x), norm.grad_gamma, norm.grad_beta)
        return *grads, sums1.weight, sums1.bias, sums2.weight, sums2.bias, None, None, None


class _LinearGradient:
    """Sums the gradients of a linear map's weight (K, C) and bias (K) over chunks of rows, in the weight's
    dtype: many bfloat16 sums would lose what one keeps."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self.weight: Tensor | None = None
        self.bias: Tensor | None = None

    def add(self, grad_out: Tensor, inputs: Tensor) -> None:
        """grad_out (rows, K), inputs (rows, C)."""
        if self.weight is None or self.bias is None:
            self.weight = (grad_out.t() @ inputs).to(self._dtype)
            self.bias = grad_out.sum(0).to(self._dtype)
            return
        if grad_out.dtype == self._dtype:
            self.weight.addmm_(grad_out.t(), inputs)
        else:
            self.weight += grad_out.t() @ inputs
        self.bias += grad_out.sum(0)


class _NormGradient:
    """A LayerNorm computed again for some rows, and its gradients."""

    def __init__(self, rows: Tensor, gamma: Tensor, beta: Tensor, eps: float, dtype: torch.dtype) -> None:
        self._rows, self._gamma, self._beta, self._eps, self._dtype = rows, gamma, beta, eps, dtype
        self.grad_x = torch.empty_like(rows)
        self.grad_gamma, self.grad_beta = torch.zeros_like(gamma), torch.zeros_like(beta)

    def forward(self, some: slice) -> Tensor:
        """The normalised rows, (some, C)."""
        normed, self._mean, self._rstd = torch.native_layer_norm(
            self._rows[some], self._gamma.shape, self._gamma, self._beta, self._eps
        )
        return normed.to(self._dtype)

    def backward(self, some: slice, grad_normed: Tensor) -> None:
        """Of the rows last computed by `forward`."""
        rows = self._rows[some]
        grad_x, grad_gamma, grad_beta = torch.ops.aten.native_layer_norm_backward(
            grad_normed.to(rows.dtype),
            rows,
            self._gamma.shape,
            self._mean,
            self._rstd,
            self._gamma,
            self._beta,
            [True, True, True],
        )
        self.grad_x[some] = grad_x
        self.grad_gamma += grad_gamma
        self.grad_beta += grad_beta


def _buffers(rows: Tensor, weight: Tensor, number: int) -> list[Tensor]:
    """Memory for one chunk of the hidden layer, used again for every chunk: fresh memory would cost more to
    map than to compute."""
    size = max(some.stop - some.start for some in _chunks(len(rows), len(weight)))
    return [weight.new_empty(size, len(weight)) for _ in range(number)]


def _linear(x: Tensor, weight: Tensor, bias: Tensor, buffer: Tensor) -> Tensor:
    """Into `buffer`, which may be longer."""
    return torch.addmm(bias, x, weight.t(), out=buffer[: len(x)])


def _chunks(rows: int, width: int) -> Iterator[slice]:
    """Slices of about ELEMENTS_AT_ONCE // width rows, of nearly equal size."""
    parts = max(1, round(rows * width / ELEMENTS_AT_ONCE))
    size = -(-rows // parts)
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
