"""The real compiler takes the kernels, for a Hopper GPU that need not be there: what the interpreter lets
pass may not compile, and what compiles may spill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def compiled(tmp_path: Path, *arguments: str) -> list[dict]:
    """In a process of its own: in this one kernels are interpreted."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, "-m", "tests.ops.triton.compile_kernels", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_half_precision_runs_on_tensor_cores_without_spills(tmp_path):
    kernels = compiled(tmp_path, "--dtypes", "bf16")
    assert len(kernels) == 4
    for kernel in kernels:
        assert kernel["stack"] == 0, kernel
        assert kernel["registers"] <= 128, kernel  # four programs of four warps a multiprocessor
        assert kernel["shared"] <= 227 * 1024 // 4, kernel
        assert kernel["wgmma"] > 0, kernel
        assert kernel["async_copies"] > 0, kernel  # 16 bytes at a time, straight to shared memory


def test_float32_compiles_without_spills(tmp_path):
    kernels = compiled(tmp_path, "--dtypes", "fp32", "--padding", "1")
    assert [kernel["stack"] for kernel in kernels] == [0] * 4
    assert [kernel["wgmma"] for kernel in kernels] == [0] * 4  # not TF32


@pytest.mark.slow
@pytest.mark.parametrize("width", [16, 48, 64, 128, 256])
@pytest.mark.parametrize("capability", [80, 90])
def test_every_width_of_heads(tmp_path, capability, width):
    arguments = ("--capability", str(capability), "--widths", str(width), "--padding", "0", "1")
    kernels = compiled(tmp_path, "--dtypes", "bf16", "fp16", "fp32", *arguments)
    assert len(kernels) == 24
    for kernel in kernels:
        assert kernel["shared"] <= (227 if capability == 90 else 163) * 1024, kernel
        if capability == 90 and width <= 64 and kernel["dtype"] != "fp32":
            assert kernel["stack"] == 0, kernel  # wider heads may spill: docs/kernels.md
