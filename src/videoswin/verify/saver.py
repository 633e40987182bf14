"""A process that saves checkpoints and can be killed, told what to do line by line.

`python -m videoswin.verify.saver` reads one Job as JSON a line and answers with one Ended. It imports torch
once; each job runs in a fork of it, which is the process that dies.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch

from videoswin.errors import StorageError
from videoswin.faults import VARIABLE
from videoswin.train.checkpoint import CheckpointFolder, Snapshot
from videoswin.verify.server import Server, serve, start


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Save `saves` steps from `first` on into `folder` and keep `keep`.

    fault: NAME@N of videoswin.faults, or empty; kill_after: seconds until SIGKILL, 0 for never; max_bytes: no
    file may grow beyond (RLIMIT_FSIZE), -1 for no limit.
    """

    folder: str
    first: int
    saves: int
    keep: int = 2
    fault: str = ""
    kill_after: float = 0.0
    max_bytes: int = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """saved: steps whose saving had returned; is_killed: by SIGKILL; error: the message of a StorageError, of
    any other with its type before it; or empty."""

    saved: list[int]
    is_killed: bool
    error: str


def snapshot_of(step: int) -> Snapshot:
    """A small state that follows from its step: 40 kB in three files, some of them empty or odd."""
    generator = torch.Generator().manual_seed(step)
    return Snapshot(
        step=step,
        tensors={
            "model": {
                "weight": torch.randn(4000, generator=generator),
                "bias": torch.full((3,), float(step)),
            },
            "optimizer": {"weight.exp_avg": torch.randn(6000, generator=generator)},
            "ema": {"flag": torch.tensor([True, step % 2 == 0])},
        },
        state={"epoch": step // 10, "loss": step / 7, "best": None, "name": f"step {step}"},
    )


def is_of_its_step(snapshot: Snapshot) -> bool:
    """Whether it is bit for bit what was saved."""
    expected = snapshot_of(snapshot.step)
    return snapshot.state == expected.state and all(
        snapshot.tensors[group].keys() == tensors.keys()
        and all(torch.equal(snapshot.tensors[group][name], tensor) for name, tensor in tensors.items())
        for group, tensors in expected.tensors.items()
    )


Saver = Server[Job, Ended]


def saver() -> AbstractContextManager[Saver]:
    """The process."""
    return start("videoswin.verify.saver", Ended)


def _run(job: Job) -> Ended:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _save_all(job, writing)
    os.close(writing)
    if job.kill_after:
        time.sleep(job.kill_after)
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading) as said:
        lines = said.read().splitlines()
    _, status = os.waitpid(pid, 0)
    return Ended(
        saved=[int(line) for line in lines if line.isdecimal()],
        is_killed=os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        error="".join(line for line in lines if not line.isdecimal()),
    )


def _save_all(job: Job, writing: int) -> NoReturn:
    """In the fork: say each step that is saved; end the process whatever happens."""
    if job.fault:
        os.environ[VARIABLE] = job.fault
    if job.max_bytes >= 0:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.max_bytes, hard))
    try:
        folder = CheckpointFolder(Path(job.folder))
        for step in range(job.first, job.first + job.saves):
            folder.save(snapshot_of(step), keep=job.keep)
            os.write(writing, f"{step}\n".encode())
    except Exception as error:  # told, whatever it is: a bug is a finding too
        kind = "" if isinstance(error, StorageError) else f"{type(error).__name__}: "
        os.write(writing, f"{kind}{error}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    serve(Job, _run)
