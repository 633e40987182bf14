from __future__ import annotations

import time

import pytest
import torch

from videoswin.train.waiting import Elapsed, GpuIdle


def test_spans_add_up_and_what_is_between_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([1.0, 3.0, 10.0, 10.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Elapsed()
    for _ in range(2):
        clock.start()
        clock.stop()
    assert clock.seconds == 2.5


@pytest.mark.gpu
def test_a_gpu_that_computes_does_not_wait() -> None:
    """While the process sleeps 0.2 s, the GPU has work for longer, then none."""
    clock, cycles = GpuIdle(), 2_000_000_000  # a second at 2 GHz
    torch.cuda.synchronize()
    torch.cuda._sleep(cycles)
    clock.start()
    time.sleep(0.2)
    clock.stop()
    torch.cuda.synchronize()
    assert clock.seconds < 0.05
    clock.start()
    time.sleep(0.2)
    clock.stop()
    torch.cuda.synchronize()
    assert 0.15 < clock.seconds < 0.3
