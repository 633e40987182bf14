"""Signals that ask a run to end: it finishes its update, saves, and stops with the exit code of the signal.

SIGTERM and SIGINT are what schedulers, shells and people send; SIGUSR1 is what SLURM is told to send before
its time is over (`--signal=USR1@120`).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
from types import FrameType

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

logger = logging.getLogger(__name__)


class SignalFlag:
    """Remembers the first signal of NUMBERS. A second SIGINT interrupts at once."""

    def __init__(self) -> None:
        self.number = 0

    def listen(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        if self.number == 0:
            self.number = number
            again = "; once more interrupts at once" if number == signal.SIGINT else ""
            logger.info(f"{signal.Signals(number).name}: the run saves after this update and stops{again}")


def requeue_slurm_job() -> None:
    """Give a SLURM job that is allowed to be requeued back to the queue; nothing outside of SLURM.

    SLURM says so by the signal we got: it sends SIGUSR1 only to jobs submitted with `--signal`.
    """
    job = os.environ.get("SLURM_JOB_ID", "")
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    if not re.fullmatch(r"\d+(_\d+)?", job):
        return
    scontrol = shutil.which("scontrol")
    if scontrol is None:
        logger.warning(f"SLURM job {job} is not requeued: no scontrol here")
        return
    done = subprocess.run([scontrol, "requeue", job], capture_output=True, text=True, check=False)
    if done.returncode:
        logger.warning(f"SLURM job {job} is not requeued: {done.stderr.strip()}")
    else:
        logger.info(f"SLURM job {job} is back in the queue")
