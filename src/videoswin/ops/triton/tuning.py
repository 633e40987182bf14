"""Which sizes a kernel runs with: those that tuning kept for this device, else the defaults.

Tuning is asked for with VIDEOSWIN_TUNE=1: then the first call of every kind times all candidates on its own
tensors and keeps the best on disk (`configs.cache_file`).
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import triton
from triton.runtime.errors import OutOfResources

from videoswin.ops.triton.configs import (
    Config,
    Kernel,
    cache_file,
    candidates,
    default_config,
    keep_tuned,
    key_of,
    read_tuned,
)

TUNE_VARIABLE = "VIDEOSWIN_TUNE"


class Work(NamedTuple):
    """What the best sizes depend on."""

    kernel: Kernel
    width: int
    dtype: torch.dtype
    box: int
    """Tokens of the largest box."""
    device: torch.device


def choose(work: Work, run: Callable[[Config], object]) -> Config:
    """The sizes to use; when tuning, those with which `run` takes least time. `run` may be called often."""
    file = cache_file(device_name(work.device), triton.__version__)
    key = key_of(work.kernel, work.width, work.dtype, work.box)
    tuned = read_tuned(file).get(key)
    if tuned is not None:
        return tuned
    if os.environ.get(TUNE_VARIABLE) != "1":
        return default_config(work.kernel, work.width, work.dtype)
    best = fastest(candidates(work.kernel, work.width, work.dtype), run, timer(work.device))
    keep_tuned(file, {key: best})
    return best


def fastest(
    configs: Iterable[Config],
    run: Callable[[Config], object],
    seconds: Callable[[Callable[[], object]], float],
) -> Config:
    """The config with which `run` takes the least of what `seconds` measures. One that needs more registers
    or shared memory than there are is left out."""
    times: dict[Config, float] = {}
    for config in configs:
        try:
            times[config] = seconds(functools.partial(run, config))
        except OutOfResources:
            continue
    return min(times, key=lambda config: times[config])


def timer(device: torch.device) -> Callable[[Callable[[], object]], float]:
    """Measures a call: the median of many on a GPU, one in the interpreter."""
    return triton.testing.do_bench if device.type == "cuda" else _once


def _once(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@functools.lru_cache(maxsize=16)
def device_name(device: torch.device) -> str:
    """Of a GPU; tuning for one says nothing about another."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
