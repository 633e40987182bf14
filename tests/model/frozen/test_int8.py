"""Linear maps in 8 bits: bytes stand for numbers, and both forms of the map agree."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from videoswin.model.frozen import int8
from videoswin.model.frozen.int8 import Int8Linear, to_bytes


@pytest.mark.parametrize("shift", [-20.0, 0.0, 20.0])
def test_bytes_are_within_half_a_step(shift):
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) + shift
    tokens, scale, zero = to_bytes(x)
    assert tokens.dtype == torch.uint8
    # Half a step, and what float32 loses beside a large shift.
    assert float(((tokens.float() - zero) * scale - x).abs().max()) <= 0.501 * scale


def test_zeros_stay_zeros():
    tokens, scale, zero = to_bytes(torch.zeros(3, 4))
    assert ((tokens.float() - zero) * scale == 0).all()


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("has_bias", [False, True])
def test_both_forms_are_near_the_exact_map(monkeypatch, gelu, has_bias):
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(40, 32, generator=generator), torch.randn(24, 32, generator=generator)
    bias = torch.randn(24, generator=generator) if has_bias else None
    expected = F.linear(x, weight, bias)
    expected = F.gelu(expected) if gelu else expected
    first = Int8Linear(weight, bias, rows=40, gelu=gelu)(x)
    monkeypatch.setattr(int8, "has_fused_int8", lambda: False)
    second = Int8Linear(weight, bias, rows=40, gelu=gelu)(x)
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)
    assert float((first - expected).norm() / expected.norm()) < 0.02


def test_the_tokens_are_left_alone():
    x = torch.randn(5, 32)
    before = x.clone()
    Int8Linear(torch.randn(24, 32), None, rows=5, gelu=False).plus(x, torch.zeros(5, 24))
    assert torch.equal(x, before)
