"""What the processes of one job agree on. With one process every answer is its own.

All of it goes over a group of its own on the CPUs (gloo), so that a question never waits for a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

import torch
import torch.distributed as dist

_T = TypeVar("_T")


def world_size() -> int:
    """Processes of the job, 1 outside of any."""
    return dist.get_world_size() if _is_distributed() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return dist.get_rank() if _is_distributed() else 0


def largest(values: Sequence[float]) -> list[float]:
    """The largest of each value over all processes, which must all ask. The order in `values` is theirs."""
    return _reduce(values, dist.ReduceOp.MAX)


def total(values: Sequence[float]) -> list[float]:
    """The sum of each value over all processes, which must all ask. Exact for whole numbers below 2^53."""
    return _reduce(values, dist.ReduceOp.SUM)


def gather(value: _T) -> list[_T]:
    """The plain values (numbers, text, CPU tensors) of all processes, by rank; all must ask."""
    if not _is_distributed():
        return [value]
    values: list[_T] = [value] * world_size()
    dist.all_gather_object(values, value, group=_group())
    return values


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()


def _reduce(values: Sequence[float], operation: dist.ReduceOp.RedOpType) -> list[float]:
    numbers = torch.tensor(values, dtype=torch.float64)
    if _is_distributed():
        dist.all_reduce(numbers, op=operation, group=_group())
    return [float(number) for number in numbers]


def _group() -> dist.ProcessGroup | None:
    """All processes over gloo: the job's own group (None) where it is that, else a second one."""
    # The job's own is not kept: one that outlives `destroy_process_group` aborts the interpreter at its end.
    return None if dist.get_backend() == "gloo" else _gloo_group(dist.group.WORLD)


@lru_cache(maxsize=1)
def _gloo_group(world: dist.ProcessGroup | None) -> dist.ProcessGroup:
    """Made once a job."""
    made: dist.ProcessGroup = dist.new_group(backend="gloo", timeout=timedelta(minutes=5))
    return made
