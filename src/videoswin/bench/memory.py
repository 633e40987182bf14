"""Peak memory of a step, in a fresh process: a process never gives its peak back.

`python -m videoswin.bench.memory JSON` is that process; it prints bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from videoswin.bench.arms import Arm, ArmsConfig, arms, build
from videoswin.bench.machine import use_threads
from videoswin.bench.steps import STEPS, Mode, random_clips

STEPS_BEFORE_THE_PEAK = {"inference": 1, "training": 2}
"""AdamW's moments are there from the second step on."""


@dataclass(frozen=True, kw_only=True)
class MemoryJob:
    """One arm of `arms`, by its name, at one size and mode."""

    arms: ArmsConfig
    arm: str
    mode: Mode
    size: tuple[int, int, int]
    batch_size: int
    threads: int


def peak_memory(job: MemoryJob) -> int:
    """Bytes at the worst moment, python and torch included (about 0.3 GB)."""
    command = [sys.executable, "-m", "videoswin.bench.memory", json.dumps(asdict(job))]
    finished = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    return int(finished.stdout.split()[-1])


def find_arm(config: ArmsConfig, mode: Mode, name: str) -> Arm:
    """The arm of this name. There must be one."""
    (found,) = (arm for arm in arms(config, mode) if arm.name == name)
    return found


def _run(job: MemoryJob) -> int:
    use_threads(job.threads)
    arm = find_arm(job.arms, job.mode, job.arm)
    step = STEPS[job.mode](build(job.arms, arm), arm.arithmetic)
    clips = random_clips(job.batch_size, job.size)
    for _ in range(STEPS_BEFORE_THE_PEAK[job.mode]):
        step(clips)
    # Not getrusage: its peak counts what the parent had when it started this process.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _parse(text: str) -> MemoryJob:
    values = json.loads(text)
    # The lists of JSON were tuples.
    config: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values["arms"].items()
    }
    return MemoryJob(**{**values, "arms": ArmsConfig(**config), "size": tuple(values["size"])})


if __name__ == "__main__":
    print(_run(_parse(sys.argv[1])))
