"""The kernels compute what the float64 reference computes, forward and backward: in Triton's interpreter, on
a GPU where there is one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.ops.triton.problems import DEVICE, Problem, errors, results
from videoswin.ops import boxes, reference, triton

SHIFTED = Problem(grid=(8, 6, 3), window=(4, 3, 3), shift=(2, 1, 1), batch=2)
PADDED = Problem(grid=(5, 4, 3), window=(4, 3, 3), shift=(2, 0, 1), heads=2)
SMALL = Problem(grid=(2, 6, 3), window=(2, 3, 3), shift=(0, 1, 0))


@pytest.mark.parametrize(
    "problem",
    [
        Problem(grid=(4, 6, 3), window=(4, 3, 3), heads=3),  # regular; more than one tile a box
        SHIFTED,
        PADDED,
        Problem(grid=(3, 4, 4), window=(2, 3, 3)),  # padded on every axis
        Problem(grid=(2, 6, 3), window=(4, 3, 3), shift=(2, 1, 1)),  # clamped in time
        Problem(grid=(4, 2, 2), window=(2, 3, 3), shift=(1, 1, 1), legacy=True),  # halves differ officially
        Problem(grid=(2, 4, 3), window=(1, 2, 3), shift=(0, 1, 0)),  # spatial only
        Problem(grid=(6, 2, 1), window=(4, 1, 1), shift=(2, 0, 0)),  # temporal only
        Problem(grid=(3, 1, 1), window=(2, 1, 1)),  # one token in the last box, and its padding
    ],
    ids=lambda p: f"{p.grid}-{p.window}-{p.shift}",
)
def test_float32_equals_the_reference(problem):
    assert max(errors(problem).values()) < 2e-6


@pytest.mark.parametrize("width", [32, 48])
def test_any_width_of_heads(width):
    assert max(errors(replace(SMALL, width=width)).values()) < 2e-6


def test_without_a_table():
    assert max(errors(replace(SMALL, has_table=False)).values()) < 2e-6


@pytest.mark.parametrize(("dtype", "largest"), [(torch.bfloat16, 6e-3), (torch.float16, 1e-3)])
def test_half_precision_is_no_worse_than_eager_layers(dtype, largest):
    problem = Problem(grid=(4, 4, 5), window=(4, 4, 5), width=32, dtype=dtype)  # 80 keys: 64 and a step of 16
    ours, eager = errors(problem), errors(problem, run=reference.window_attention)
    assert ours["out"] < largest
    assert all(ours[name] <= 1.2 * eager[name] for name in ours), (ours, eager)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_logits(dtype):
    """Weights of one and nothing: exponents neither overflow nor turn into NaN. Against `boxes`: logits that
    differ by more than 100 leak through the reference's mask."""
    found = errors(replace(SMALL, scale=50, dtype=dtype), oracle=boxes.window_attention)
    assert found["out"] < (2e-5 if dtype == torch.float32 else 1e-2)
    assert found["table"] < (2e-4 if dtype == torch.float32 else 1)


def test_equal_logits_give_the_mean():
    qkv, _, pad = replace(SMALL, shift=(0, 0, 0), has_table=False).inputs()
    with torch.no_grad():
        qkv[..., 0, :, :] = 0
        out = triton.window_attention(qkv, None, pad, **replace(SMALL, shift=(0, 0, 0)).sizes())
    first = qkv[:, :, :3, :, 2, 0].mean((1, 2, 3))
    torch.testing.assert_close(out[:, :, :3], first[:, None, None, None].expand_as(out[:, :, :3]))


def test_strided_input_is_read_correctly():
    inputs = SMALL.inputs()
    expected = results(triton.window_attention, SMALL, inputs)
    strided = inputs[0].detach().transpose(2, 3).contiguous().transpose(2, 3).requires_grad_()
    assert not strided.is_contiguous()
    ours = results(triton.window_attention, SMALL, [strided, *inputs[1:]])
    assert all(torch.equal(a, b) for a, b in zip(ours, expected, strict=True))


@pytest.mark.parametrize("problem", [SHIFTED, PADDED], ids=["shifted", "padded"])
def test_two_runs_are_bit_equal_and_write_every_number(problem):
    """Deterministic mode fills fresh memory with NaN."""
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (results(triton.window_attention, problem, problem.inputs()) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(x.isfinite().all() for x in first)


def test_a_clip_does_not_touch_its_neighbours():
    """A NaN stays in the boxes of its own token, although keys behind the end of a box are not masked."""
    qkv, table, pad = (x.detach() for x in replace(SMALL, batch=2).inputs())
    clean = triton.window_attention(qkv, table, pad, **SMALL.sizes())
    qkv[0, 0, 0, 0, 2] = torch.nan
    out = triton.window_attention(qkv, table, pad, **SMALL.sizes())
    touched = reference.window_attention(
        qkv.double().cpu(), table.double().cpu(), pad.double().cpu(), **SMALL.sizes()
    ).isnan()
    assert out.isnan().cpu().sum() == 2 * 1 * 3 * 16 < touched.sum()  # the box of one row at the top
    assert torch.equal(out[1], clean[1])


def test_an_empty_batch():
    qkv, table, pad = SMALL.inputs()
    out = triton.window_attention(qkv[:0], table, pad, **SMALL.sizes())
    grads = torch.autograd.grad(out.sum(), [table, pad])
    assert out.shape == (0, 2, 6, 3, 16)
    assert all(not grad.any() for grad in grads)


def test_device_is_the_one_asked_for():
    assert triton.unavailable(SMALL.inputs()[0]) is None, DEVICE
