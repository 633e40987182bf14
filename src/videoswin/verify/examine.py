"""What a file does to the reader, looked at from inside a process with limits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from videoswin.data.check import check_file
from videoswin.data.confine import confine, peak_bytes, reset_peak
from videoswin.data.gate import Limits
from videoswin.data.reader import open_reader
from videoswin.data.sampling import IntArray
from videoswin.errors import DecodeError

_FRAMES = 8
_SHORT_SIDE = 56
_ONLY_WHEN_RESIZED = ("V18", "V25")  # too large, or a line, once the short side is scaled
_CPU_SECONDS = 7 * 86_400.0  # the time of one file is kept outside


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One file to read, within limits."""

    path: str
    limits: Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """How reading ended: `ok`, `degraded`, or the code of the fault; and what is wrong about that, if
    anything."""

    outcome: str
    problem: str
    seconds: float
    peak_bytes: int
    """The most memory that the process had while it read this file, beyond what it had before."""


def examine(task: Task) -> Finding:
    """Check a file and read a clip of it. The first call confines this process for good."""
    before = _confine_once(task.limits)
    reset_peak()
    start = time.monotonic()
    problem = ""
    try:
        row = check_file(task.path, task.limits)
        outcome = row.code if row.verdict == "refused" else row.verdict
        if row.verdict == "refused" and not (row.code and row.reason and row.reason.isprintable()):
            problem = f"a refusal without code or reason in one line: {row.code!r} {row.reason!r}"
        read = _read_clip(task.path, task.limits)
        if read is not None and read.path != task.path:
            problem = f"the fault names {read.path!r}"
        if outcome == "ok" and read is not None and read.code not in _ONLY_WHEN_RESIZED:
            problem = f"sound to the check, but: {read}"
    except Exception as error:  # what this looks for: anything that is not our error
        outcome, problem = "crash", f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - start
    return Finding(outcome=outcome, problem=problem, seconds=seconds, peak_bytes=peak_bytes() - before)


def _read_clip(path: str, limits: Limits) -> DecodeError | None:
    """Frames from all over the file, as for a clip; the fault, if there is one."""

    def plan(num_frames: int) -> IntArray:
        return np.linspace(0, num_frames - 1, _FRAMES).astype(np.int64)

    try:
        with open_reader(path, limits) as video:
            frames = video.read(plan, short_side=_SHORT_SIDE)
    except DecodeError as error:
        return error
    assert frames.pixels.shape[0] == _FRAMES, frames
    assert min(frames.pixels.shape[1:3]) == _SHORT_SIDE, frames
    return None


@cache
def _confine_once(limits: Limits) -> int:
    """Memory of this process before it reads anything, in bytes."""
    torch.set_num_threads(1)
    confine(memory=limits.max_memory, cpu_seconds=_CPU_SECONDS, num_threads=1)
    reset_peak()
    return peak_bytes()
