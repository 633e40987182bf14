"""How many threads compute: the one place that decides it.

Training gives every loader worker a core of its own, since small steps and decoding keep all busy. Prediction
and evaluation leave the model all cores: it computes most of the time, and a worker that has read the next
videos waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

VARIABLE = "OMP_NUM_THREADS"
"""The user's word, which is never exceeded."""


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def cores_shared_with(num_workers: int, *, processes: int) -> Iterator[None]:
    """Torch uses this process's share of the cores that `num_workers` loader workers of each of `processes`
    leave, at least one.

    Its threads wait for each other in every operation: a worker on the core of one holds up all. Measured on
    two busy cores with two workers: 4 clips a second with two threads, 16 with one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, num_cores() // processes - num_workers)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def share_cores(num_processes: int) -> None:
    """Let each process that is started from here use its share of the cores, unless VARIABLE says how
    many."""
    os.environ.setdefault(VARIABLE, str(max(num_cores() // num_processes, 1)))


def describe(num_workers: int, *, processes: int = 1) -> str:
    """What computes now, in words."""
    threads = torch.get_num_threads()
    several = f"{processes} processes, each " if processes > 1 else ""
    return (
        f"{several}{threads} thread{'s' * (threads > 1)} of {num_cores()} cores, {num_workers} loader workers"
    )
