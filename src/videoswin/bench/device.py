"""What of a benchmark depends on the device: its clock, its memory, its name, what its profiler sees.

Nothing else in the benchmarks asks which device it is, so that what runs on a GPU runs on a CPU in the tests.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity

from videoswin.errors import ConfigError

CPU = torch.device("cpu")
DEVICES = ("auto", "cpu", "cuda")
ROUND_SECONDS = {"cpu": 0.0, "cuda": 0.15}
"""A timed round calls what it measures for about so long, at least once: a step of some milliseconds, called
once, would measure the clock and what the GPU did before."""

Mark = float | torch.cuda.Event
"""A moment on the clock of a device."""


def find_device(name: str) -> torch.device:
    """auto: a GPU where there is one. Raises ConfigError for another name, or cuda without a GPU."""
    if name not in DEVICES:
        raise ConfigError(f"device is {name!r}; allowed: {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is 'cuda', but torch sees no CUDA GPU; allowed here: auto, cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def mark(device: torch.device) -> Mark:
    """Now; on a GPU the moment when it has done all it was given so far."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event


def seconds_between(first: Mark, last: Mark) -> float:
    """Waits until a GPU is there."""
    if isinstance(first, float) or isinstance(last, float):
        assert isinstance(first, float)
        assert isinstance(last, float)
        return last - first
    last.synchronize()
    return float(first.elapsed_time(last)) / 1e3


def seconds_of(run: Callable[[], object], device: torch.device, calls: int = 1) -> float:
    """Seconds of one of `calls` calls, one after the other."""
    first = mark(device)
    for _ in range(calls):
        run()
    return seconds_between(first, mark(device)) / calls


def calls_a_round(run: Callable[[], object], device: torch.device) -> int:
    """How often to call what has run already, to fill a round."""
    wanted = ROUND_SECONDS[device.type]
    return max(1, round(wanted / seconds_of(run, device))) if wanted else 1


def taken_bytes(device: torch.device) -> int:
    """What tensors take on a GPU now; 0 on a CPU, where nobody counts."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def release_memory(device: torch.device) -> None:
    """Gives back what no tensor takes any more, for other processes. Compiled models are circles."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def peak_bytes(run: Callable[[], object], device: torch.device) -> int | None:
    """The most that all tensors took on a GPU during one call; None on a CPU, where only a fresh process
    knows (`bench.memory`)."""
    if device.type != "cuda":
        return None
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    run()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device)


def describe(device: torch.device) -> str:
    """The GPU and what drives it; empty for a CPU."""
    if device.type != "cuda":
        return ""
    found = torch.cuda.get_device_properties(device)
    return (
        f"{found.name}, {found.multi_processor_count} multiprocessors, {found.total_memory / 2**30:.0f} GiB, "
        f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    )


def activities(device: torch.device) -> list[ProfilerActivity]:
    """What the profiler is to watch: the operators, and on a GPU its kernels."""
    return [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
