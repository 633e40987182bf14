"""Signals end a training run with a checkpoint of its newest update, in time and with the right exit code,
and the same command continues to the bytes of the run that nobody stopped."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from videoswin.errors import ConfigError
from videoswin.train.resume import CHECKPOINTS
from videoswin.verify.job import (
    LIVELY,
    TrainingJob,
    differences,
    is_finished,
    last_line,
    steps_saved,
    write_job_videos,
)
from videoswin.verify.outcome import Check
from videoswin.verify.zygote import Order, Zygote, zygote

EPOCHS = 6
SAVE_ALWAYS = ("--checkpoint.updates", "1")
"""So that it is known where the run is."""
TERM, INT, USR1 = signal.SIGTERM, signal.SIGINT, signal.SIGUSR1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """What is sent, to whom, once update `after` is saved, and the exit code that must come of it."""

    what: str
    number: signal.Signals
    code: int
    to_group: bool = False
    workers: int = 0
    after: int = 7
    """In the middle of the third epoch."""


CASES = (
    _Case(what="SIGTERM", number=TERM, code=143),
    _Case(what="SIGINT", number=INT, code=130),
    _Case(what="SIGUSR1", number=USR1, code=143),
    _Case(what="SIGTERM to the group, 2 workers", number=TERM, code=143, to_group=True, workers=2),
    _Case(what="SIGINT to the group, 2 workers", number=INT, code=130, to_group=True, workers=2),
    _Case(what="SIGUSR1 to the group, 2 workers", number=USR1, code=143, to_group=True, workers=2),
    _Case(what="SIGTERM in a validation", number=TERM, code=143, after=6),
    _Case(what="SIGTERM after the first update", number=TERM, code=143, after=1),
)


def verify_signals(
    *, grace_seconds: float, progress: Callable[[str], None] = lambda what: None
) -> list[Check]:
    """One check a case. grace_seconds: a run must have ended so soon after its signal. progress: is told what
    is about to be done. Raises ConfigError for a grace of 0."""
    if grace_seconds <= 0:
        raise ConfigError(f"grace is {grace_seconds:g}; allowed: more than 0 seconds")
    with tempfile.TemporaryDirectory(prefix="videoswin-verify-") as name, zygote() as process:
        folder = Path(name)
        videos = write_job_videos(folder / "videos")
        job = TrainingJob(videos=videos, epochs=EPOCHS, options=(*LIVELY, *SAVE_ALWAYS))
        progress("the run that nobody stops")
        log = folder / "log.txt"
        ended = process.run(Order(arguments=job.arguments(folder / "golden"), log=str(log)))
        if ended.code:
            raise ConfigError(f"the run that nobody stops ended with {ended.code}: {last_line(log)}")
        checks = []
        for case in CASES:
            progress(case.what)
            checks.append(_try(case, job, folder, process, grace_seconds=grace_seconds))
        return checks


def _try(case: _Case, job: TrainingJob, folder: Path, process: Zygote, *, grace_seconds: float) -> Check:
    output, log = folder / "stopped", folder / "log.txt"
    order = Order(
        arguments=job.arguments(output, "--data.num_workers", str(case.workers)),
        log=str(log),
        signal_number=case.number,
        when=str(output / CHECKPOINTS / f"step-{case.after:08d}"),
        to_group=case.to_group,
    )
    ended = process.run(order)
    problems = []
    if ended.code != case.code:
        problems.append(f"exit code {ended.code}, expected {case.code}: {last_line(log)}")
    if ended.seconds_after > grace_seconds:
        problems.append(f"it took {ended.seconds_after:.1f} s")
    if is_finished(output):
        problems.append("the run had come to its end before")
    steps = steps_saved(output)
    if not steps or steps[-1] < case.after:
        problems.append(f"saved are {steps}, and update {case.after} had been")
    code = process.run(Order(arguments=job.arguments(output), log=str(log))).code
    problems += [f"continued, it ended with {code}: {last_line(log)}"] if code else []
    problems += [f"continued, other {name}" for name in differences(output, folder / "golden")]
    shutil.rmtree(output)
    stopped_at = f"saved update {steps[-1] if steps else 0} of {job.num_updates}"
    numbers = f"exit code {ended.code} after {ended.seconds_after:.2f} s, {stopped_at}"
    return Check.of(case.what, problems, numbers)
