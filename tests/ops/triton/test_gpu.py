"""The full grid of shapes on a GPU: `pytest -m gpu tests/ops/triton`. Asked for without one, these fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.ops.triton.problems import DEVICE, Problem, errors, results
from videoswin.ops import boxes, reference, triton

pytestmark = pytest.mark.gpu
BIG = {"heads": 3, "width": 32, "batch": 2}
PROBLEMS = [
    Problem(grid=(16, 14, 14), window=(8, 7, 7), **BIG),
    Problem(grid=(16, 14, 14), window=(8, 7, 7), shift=(4, 3, 3), **BIG),
    Problem(grid=(16, 21, 21), window=(8, 7, 7), shift=(0, 3, 3), **BIG),
    Problem(grid=(16, 7, 7), window=(8, 7, 7), shift=(4, 3, 3), heads=24, width=32, batch=3),
    Problem(grid=(11, 17, 15), window=(8, 7, 7), shift=(4, 3, 3), **BIG),
    Problem(grid=(16, 14, 14), window=(16, 7, 7), shift=(8, 3, 3), **BIG),
    Problem(grid=(32, 7, 7), window=(16, 7, 7), shift=(8, 3, 3), **BIG),
    Problem(grid=(8, 14, 14), window=(4, 7, 7), shift=(2, 3, 3), **BIG),
    Problem(grid=(4, 14, 14), window=(2, 7, 7), shift=(1, 3, 3), **BIG),
    Problem(grid=(8, 14, 14), window=(1, 7, 7), shift=(0, 3, 3), **BIG),
    Problem(grid=(16, 5, 6), window=(8, 1, 1), shift=(4, 0, 0), **BIG),
    Problem(grid=(16, 16, 16), window=(8, 8, 8), shift=(4, 4, 4), **BIG),
    Problem(grid=(4, 8, 8), window=(2, 4, 4), shift=(1, 2, 2), heads=48, width=32, batch=5),
    Problem(grid=(16, 24, 24), window=(8, 12, 12), shift=(4, 6, 6), **BIG),
    Problem(grid=(16, 4, 4), window=(8, 7, 7), shift=(4, 3, 3), legacy=True, **BIG),
    Problem(grid=(16, 14, 14), window=(8, 7, 7), shift=(4, 3, 3), heads=2, width=64),
    Problem(grid=(16, 14, 14), window=(8, 7, 7), shift=(4, 3, 3), heads=2, width=16),
    Problem(grid=(8, 14, 14), window=(8, 7, 7), shift=(0, 3, 3), heads=1, width=48),
    Problem(grid=(8, 14, 14), window=(8, 7, 7), shift=(0, 3, 3), heads=1, width=128),
    Problem(grid=(8, 14, 14), window=(8, 7, 7), shift=(0, 3, 3), heads=1, width=256),
    Problem(grid=(16, 14, 14), window=(8, 7, 7), shift=(4, 3, 3), has_table=False, **BIG),
]


def name(problem: Problem) -> str:
    return f"{problem.grid}-{problem.window}-{problem.shift}-{problem.width}"


@pytest.fixture(autouse=True)
def _on_a_gpu():
    assert torch.cuda.is_available(), "asked for the tests of a GPU, but there is none"


@pytest.mark.parametrize("problem", PROBLEMS, ids=name)
def test_float32(problem):
    assert max(errors(problem).values()) < 2e-6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("problem", PROBLEMS, ids=name)
def test_half_precision_is_no_worse_than_eager_layers(problem, dtype):
    problem = replace(problem, dtype=dtype)
    ours, eager = errors(problem), errors(problem, run=reference.window_attention)
    assert ours["out"] < 6e-3
    assert all(ours[part] <= 1.2 * eager[part] + 1e-4 for part in ours), (ours, eager)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits(dtype):
    found = errors(replace(PROBLEMS[1], dtype=dtype, scale=50.0), oracle=boxes.window_attention)
    assert found["out"] < (2e-5 if dtype == torch.float32 else 1e-2)


def test_tf32_only_where_products_use_it(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32")
    assert 2e-6 < errors(PROBLEMS[0])["out"] < 2e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("problem", PROBLEMS[:6], ids=name)
def test_two_runs_are_bit_equal_and_write_every_number(problem, dtype):
    problem = replace(problem, dtype=dtype)
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (results(triton.window_attention, problem, problem.inputs()) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(x.isfinite().all() for x in first)


def test_more_numbers_than_32_bits_count():
    """1.4 billion tokens x channels in bfloat16: the last clip is computed as the first."""
    problem = Problem(
        grid=(16, 56, 56), window=(8, 7, 7), shift=(4, 3, 3), heads=3, width=32, dtype=torch.bfloat16
    )
    one, table, pad = (x.detach() for x in problem.inputs())
    many = one.expand(160, *one.shape[1:]).contiguous()
    assert many.numel() > 2**31
    out = triton.window_attention(many, table, pad, **problem.sizes())
    assert torch.equal(out[0], out[-1])


def test_the_second_device_is_used_when_asked_for():
    if torch.cuda.device_count() > 1:
        qkv, table, pad = (x.detach().to("cuda:1") for x in PROBLEMS[0].inputs())
        out = triton.window_attention(qkv, table, pad, **PROBLEMS[0].sizes())
        assert out.device == torch.device("cuda:1")
    assert DEVICE.type == "cuda"
