"""Gradients from half-precision products, as CUDA computes them: as near the truth as autocast's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videoswin.ops.attention_backward import Arithmetic, arithmetic_of, attention_backward


def inputs(*, scale: float, tokens: int = 98) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """q, k, v, bias, grad_out in float64; all but the bias hold numbers that bfloat16 has."""
    generator = torch.Generator().manual_seed(0)
    shape = (8, 2, tokens, 32)
    q, k, v, grad_out = (
        torch.randn(shape, generator=generator, dtype=torch.float64).mul_(scale).bfloat16().double()
        for _ in range(4)
    )
    return q, k, v, torch.randn(2, tokens, tokens, generator=generator, dtype=torch.float64) * scale, grad_out


def autocast(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, grad_out: Tensor) -> list[Tensor]:
    """What the official code does under CUDA's autocast: products in bfloat16, bias and softmax in
    float32."""
    q, k, v = (x.bfloat16().requires_grad_() for x in (q, k, v))
    bias = bias.float().requires_grad_()
    scores = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).float() + bias
    out = scores.softmax(-1).bfloat16() @ v
    return list(torch.autograd.grad(out, (q, k, v, bias), grad_out.bfloat16()))


def ours(tensors: tuple[Tensor, ...], dtype: torch.dtype, arithmetic: Arithmetic | None) -> list[Tensor]:
    q, k, v, grad_out = (tensors[number].to(dtype) for number in (0, 1, 2, 4))
    bias = tensors[3].to(torch.promote_types(dtype, torch.float32))
    grad_bias = torch.zeros_like(bias)
    grads = attention_backward(q, k, v, bias, grad_out, grad_bias, arithmetic)
    return [*grads.permute(2, 0, 3, 1, 4), grad_bias]


@pytest.mark.parametrize(("scale", "limit_of_bias"), [(0.3, 1.7), (1.0, 1.2), (2.0, 1.2)])
def test_half_products_are_as_close_as_autocast(scale, limit_of_bias):
    """Where all weights are nearly equal autocast rounds little before the bias: the gradients of scores,
    which are rounded here and not there, then weigh more (docs/log.md)."""
    tensors = inputs(scale=scale)
    exact = ours(tensors, torch.float64, None)
    half = ours(tensors, torch.bfloat16, Arithmetic(2**16, has_half_products=True))
    for name, mine, theirs, true in zip(
        ("q", "k", "v", "bias"), half, autocast(*tensors), exact, strict=True
    ):
        assert mine.dtype == theirs.dtype
        error, limit = ((x.double() - true).norm() / true.norm() for x in (mine, theirs))
        limit *= limit_of_bias if name == "bias" else 1.2
        assert error <= limit, f"{name}: {error:.1e}, allowed {limit:.1e}"


def test_arithmetic_suits_the_device():
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    assert arithmetic_of(cuda, torch.bfloat16).has_half_products
    assert arithmetic_of(cuda, torch.float16).has_half_products
    assert not arithmetic_of(cuda, torch.float32).has_half_products
    assert not arithmetic_of(cpu, torch.bfloat16).has_half_products
    assert (
        arithmetic_of(cuda, torch.float32).scores_at_once > arithmetic_of(cpu, torch.float32).scores_at_once
    )
