"""One arm at one size in a fresh process: what a process has once done, it cannot undo to be measured."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from videoswin.bench.arms import Arm, ArmsConfig, arms, build
from videoswin.bench.machine import use_threads
from videoswin.bench.steps import STEPS, Mode, Step, random_clips


@dataclass(frozen=True, kw_only=True)
class Job:
    """One arm of `arms`, by its name, at one size and mode."""

    arms: ArmsConfig
    arm: str
    mode: Mode
    size: tuple[int, int, int]
    batch_size: int
    threads: int


def in_fresh_process(
    module: str, job: Job, *, environment: Mapping[str, str] = os.environ, timeout: float = math.inf
) -> str:
    """The last word that `python -m module JSON` prints. Raises subprocess.CalledProcessError, and
    TimeoutExpired after `timeout` seconds."""
    command = [sys.executable, "-m", module, json.dumps(asdict(job))]
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        check=True,
        timeout=None if math.isinf(timeout) else timeout,
    )
    return finished.stdout.split()[-1]


def find_arm(config: ArmsConfig, mode: Mode, name: str) -> Arm:
    """The arm of this name. There must be one."""
    (found,) = (arm for arm in arms(config, mode) if arm.name == name)
    return found


def start(job: Job) -> tuple[Step, Tensor]:
    """In the process: what is to be called, and with what."""
    use_threads(job.threads)
    arm = find_arm(job.arms, job.mode, job.arm)
    step = STEPS[job.mode](build(job.arms, arm), arm.arithmetic)
    return step, random_clips(job.batch_size, job.size, torch.device(job.arms.device))


def parse(text: str) -> Job:
    """What `in_fresh_process` passes."""
    values = json.loads(text)
    # The lists of JSON were tuples.
    config: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values["arms"].items()
    }
    return Job(**{**values, "arms": ArmsConfig(**config), "size": tuple(values["size"])})
