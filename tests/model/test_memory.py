"""The peak counted without computing is the peak of really computing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.memory import activation_memory, peak_bytes
from videoswin.values import Size3

MICRO = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)
CONFIGS = {
    "joint": MICRO,
    "split": replace(MICRO, design="split"),
    "factorized": replace(MICRO, design="factorized", temporal_bias=True),
    "one channel": replace(MICRO, in_channels=1),
}


@pytest.mark.parametrize("backend", ["reference", "boxes", "sdpa", "sdpa-boxes"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
def test_meta_device_counts_what_a_cpu_takes(config, backend, monkeypatch):
    """Operator for operator, padding and shifts included: the fused attention and the operator's own backward
    must be the same on both."""
    monkeypatch.setenv("VIDEOSWIN_ATTENTION", backend)
    size = Size3(5, 30, 26)
    dtype = torch.uint8 if config.in_channels == 3 else torch.float32
    model, clip = VideoSwin(config), torch.zeros(1, config.in_channels, *size, dtype=dtype)
    counted = activation_memory(config, size)
    assert counted.inference == peak_bytes(model, clip, train=False)
    assert counted.training == peak_bytes(model, clip, train=True)


def test_boxes_keep_no_scores(monkeypatch):
    config, size = replace(MICRO, window=(8, 6, 6)), Size3(16, 96, 96)
    peaks = {}
    for backend in ("reference", "boxes"):
        monkeypatch.setenv("VIDEOSWIN_ATTENTION", backend)
        peaks[backend] = activation_memory(config, size)
    scores = 8 * 24 * 24 * (8 * 6 * 6) * 4  # bytes of the first stage's one head: tokens x tokens of a window
    assert peaks["reference"].inference > scores > peaks["boxes"].inference
    assert peaks["reference"].training > 4 * scores  # of two blocks a stage, kept as scores and as weights


def test_the_more_stages_are_recomputed_the_less_memory_it_takes():
    clip = torch.zeros(1, 3, 4, 36, 36, dtype=torch.uint8)
    none, first, both = (
        peak_bytes(VideoSwin(replace(MICRO, depths=(6, 6)), recompute_stages=stages), clip, train=True)
        for stages in (0, 1, 2)
    )
    assert both < first < none
    assert both < none / 2


def test_a_run_leaves_no_gradients_and_the_next_counts_the_same():
    model, clip = VideoSwin(MICRO), torch.zeros(2, 3, 5, 14, 14, dtype=torch.uint8)
    first, second = (peak_bytes(model, clip, train=True) for _ in range(2))
    assert first == second
    assert all(parameter.grad is None for parameter in model.parameters())


PROCESS = """
import resource, torch
from videoswin.model import SWIN_T, VideoSwin
from videoswin.model.memory import activation_memory, peak_bytes
from videoswin.values import Size3

torch.set_num_threads(1)
clip = Size3(16, 112, 112)
counted = activation_memory(SWIN_T, clip).training
model = VideoSwin(SWIN_T)
peak_bytes(model, torch.zeros(1, 3, 4, 64, 64, dtype=torch.uint8), train=True)  # libraries take their share
resident = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
peak_bytes(model, torch.zeros(1, 3, *clip, dtype=torch.uint8), train=True)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - resident) / counted)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process as Linux tells it")
def test_a_process_grows_by_what_is_counted():
    """Freed blocks go back to the system at once, so that the allocator's own stock does not blur it."""
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    finished = subprocess.run(
        [sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True, check=True
    )
    assert float(finished.stdout) == pytest.approx(1, abs=0.04)
