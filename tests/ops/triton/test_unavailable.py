"""Why the kernels cannot run, in one line; and a package that can be imported without Triton."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from videoswin.ops import triton


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((1, 2, 2, 2, 3, 1, 16), torch.float64, "take float32, float16 and bfloat16, not float64"),
        ((1, 2, 2, 2, 3, 1, 24), torch.float32, "a multiple of 16 up to 256 channels, not 24"),
        ((1, 2, 2, 2, 3, 1, 272), torch.float32, "a multiple of 16 up to 256 channels, not 272"),
    ],
)
def test_tensors(shape, dtype, message):
    assert message in triton.unavailable(torch.zeros(shape, dtype=dtype))


def test_a_cpu_without_the_interpreter(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    qkv = torch.zeros(1, 2, 2, 2, 3, 1, 16)
    assert triton.unavailable(qkv) == "the kernels run on CUDA devices, not cpu"
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert triton.unavailable(qkv) is None


def test_without_triton():
    """In a process of its own, in which Triton cannot be found."""
    code = """
import importlib.util, torch
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "triton" else find(name, package)
from videoswin.ops import triton
print(triton.unavailable(torch.zeros(1, 2, 2, 2, 3, 1, 16)))
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "Triton is not installed: pip install 'videoswin[kernels]'"


def test_importing_does_not_import_triton():
    code = "import sys; from videoswin.ops import triton; print('triton' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["False"]
