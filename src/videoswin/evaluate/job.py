"""Evaluation by several processes: joining the job that a launcher started, and doing things together.

`torchrun`, SLURM through it, or `videoswin evaluate --processes` start the processes and say in the
environment which of how many each is. All questions between them go over the CPUs (gloo); with one process
every answer is its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from videoswin import ranks
from videoswin.errors import RankLostError, VideoSwinError

_T = TypeVar("_T")

TIMEOUT = timedelta(minutes=30)
"""How long processes wait for the slowest, which may be reading the longest video."""


def is_member() -> bool:
    """Whether a launcher started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def job(*, timeout: timedelta = TIMEOUT) -> Iterator[None]:
    """Be one of the job's processes, each with its own GPU where there are any. Nothing where there is no
    job. Raises RankLostError when the others don't come."""
    if not is_member():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    try:
        dist.init_process_group("gloo", timeout=timeout)
    except (RuntimeError, ValueError) as error:  # ValueError: the environment names no meeting place
        raise RankLostError(f"the processes of the job don't find each other: {_one_line(error)}") from error
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def together() -> Iterator[None]:
    """A block that all processes of the job run. If a VideoSwinError ends it on any of them, that of the
    first such process ends it on all, so none waits for another that has left."""
    own: VideoSwinError | None = None
    try:
        yield
    except VideoSwinError as error:
        own = error
    try:
        found = [error for error in gather(own) if error is not None]
    except RankLostError as lost:
        raise own or lost from None
    if found:
        raise found[0]


def first_does(action: Callable[[], _T]) -> _T:
    """What `action` gives on the first process, which alone runs it. All must ask; all raise its
    VideoSwinError."""
    result: list[_T] = []
    with together():
        if ranks.rank() == 0:
            result.append(action())
    answer: _T = gather(result)[0][0]
    return answer


def gather(value: _T) -> list[_T]:
    """The values of all processes, by rank; all must ask. Raises RankLostError when one is gone or silent."""
    try:
        return ranks.gather(value)
    except RuntimeError as error:
        raise RankLostError(
            f"process {ranks.rank()} of {ranks.world_size()}: another one is gone or does not answer: "
            f"{_one_line(error)}"
        ) from error


def fix_arithmetic() -> None:
    """Make products of matrices on the CPU the same to the last bit for any number of threads: a mode of MKL
    that is read from the environment at its first use. With AVX-512 it costs nothing measurable."""
    os.environ.setdefault("MKL_CBWR", f"{torch.backends.cpu.get_cpu_capability()},STRICT")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
