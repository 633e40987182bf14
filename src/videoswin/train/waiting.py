"""Two clocks that add up spans of waiting: of this process, and of its GPU."""

from __future__ import annotations

import time

import torch


class Elapsed:
    """Seconds between each `start` and `stop`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def start(self) -> None:
        self._started = time.perf_counter()

    def stop(self) -> None:
        self.seconds += time.perf_counter() - self._started


class GpuIdle:
    """Seconds between each `start` and `stop` in which the current CUDA stream had nothing left to do.

    Two marks are put into the stream: the first is reached when all work from before `start` is done, the
    second at `stop`, or after that work. Nothing waits for the GPU; a span counts once it has passed both.
    """

    def __init__(self) -> None:
        self._passed = 0.0
        self._done = torch.cuda.Event()
        self._spans: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @property
    def seconds(self) -> float:
        while self._spans and self._spans[0][1].query():
            done, asked = self._spans.pop(0)
            self._passed += done.elapsed_time(asked) / 1000
        return self._passed

    def start(self) -> None:
        self._done = self._mark()

    def stop(self) -> None:
        self._spans.append((self._done, self._mark()))

    def _mark(self) -> torch.cuda.Event:
        mark = torch.cuda.Event(enable_timing=True)
        mark.record()
        return mark
