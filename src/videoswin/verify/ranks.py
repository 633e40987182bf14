"""Training in several processes: the result of one process, checkpoints that either continues, and an end in
time when one of the processes is killed, stopped, asked to end or fails."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from videoswin.errors import ConfigError
from videoswin.faults import VARIABLE
from videoswin.train.checkpoint import CheckpointFolder
from videoswin.train.resume import CHECKPOINTS
from videoswin.verify.job import STILL, TrainingJob, last_line, steps_saved, write_job_videos
from videoswin.verify.outcome import Check

EPOCHS = 7
"""21 updates."""
TOLERANCE = 1e-6
"""Of weights, AdamW's moments and averaged weights: sums over processes round differently."""
KILLED_SECONDS = 10.0
STUCK_SECONDS = 6.0
"""The timeout that the runs get, and how much later they may end."""
START_SECONDS = 120.0
SMALL_FILE = 50_000
"""Bytes. Less than the weights."""
SAVE_ALWAYS = ("--checkpoint.updates", "1")
TWO = ("--scale.devices", "2")
STRATEGIES = ("ddp", "fsdp")


class _Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log.txt"
        options = (*STILL, *SAVE_ALWAYS, "--ema_decay", "0.9", "--optimizer.max_gradient_norm", "1")
        self.job = TrainingJob(videos=write_job_videos(folder / "videos"), epochs=EPOCHS, options=options)

    def start(
        self, name: str, *more: str, fault: str = "", max_bytes: int | None = None
    ) -> subprocess.Popen[bytes]:
        """max_bytes: no file may grow beyond."""
        command = [sys.executable, "-m", "videoswin.cli.main", *self.job.arguments(self.folder / name, *more)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"} | ({VARIABLE: fault} if fault else {})
        with self.log.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        if max_bytes is not None:  # long before it writes, and before it has children to pass it on to
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
        return process

    def run(self, name: str, *more: str, fault: str = "", max_bytes: int | None = None) -> int:
        """The exit code as shells have it."""
        code = self.start(name, *more, fault=fault, max_bytes=max_bytes).wait()
        return 128 - code if code < 0 else code

    def complaint(self, code: int, expected: int, *, named: str = "") -> list[str]:
        """What is wrong with an end; named: what the last line must hold."""
        line = last_line(self.log)
        if code != expected or named not in self.log.read_text(errors="replace"):
            return [f"exit code {code}, expected {expected}{f' and {named!r}' if named else ''}: {line}"]
        return []

    def difference(self, name: str, other: str) -> tuple[float, list[str]]:
        """The largest between two runs' last checkpoints, and what makes them incomparable."""
        one, two = (CheckpointFolder(self.folder / run / CHECKPOINTS).find() for run in (name, other))
        if one is None or two is None or one.step != two.step or one.tensors.keys() != two.tensors.keys():
            return float("inf"), ["no last checkpoints to compare"]
        largest = 0.0
        for group, tensors in one.tensors.items():
            if tensors.keys() != two.tensors[group].keys():
                return float("inf"), [f"other names in {group}"]
            pairs = ((tensor, two.tensors[group][name]) for name, tensor in tensors.items())
            largest = max([largest, *((a - b).abs().max().item() for a, b in pairs if a.numel())])
        return largest, [] if largest <= TOLERANCE else [f"more than {TOLERANCE:g}"]


def verify_ranks(*, progress: Callable[[str], None] = lambda what: None) -> list[Check]:
    """One check a promise. progress: is told what is about to be done."""
    with tempfile.TemporaryDirectory(prefix="videoswin-verify-") as name:
        bench = _Bench(Path(name))
        progress("one process")
        code = bench.run("one")
        if code:
            raise ConfigError(f"the run of one process ended with {code}: {last_line(bench.log)}")
        checks = []
        for check in (_same_result, _one_continues_the_other):
            for strategy in STRATEGIES:
                progress(f"{strategy}")
                checks.append(check(bench, strategy))
        for case in (_killed, _stopped, _asked, _cannot_save, _bad_video):
            progress(case.__name__[1:])
            checks.append(case(bench))
        return checks


def _same_result(bench: _Bench, strategy: str) -> Check:
    code = bench.run(strategy, *TWO, "--scale.strategy", strategy)
    problems = bench.complaint(code, 0)
    difference, more = bench.difference(strategy, "one")
    numbers = f"largest difference {difference:.1e} after {bench.job.num_updates} updates"
    return Check.of(f"2 processes, {strategy}: the result of one", [*problems, *more], numbers)


def _one_continues_the_other(bench: _Bench, strategy: str) -> Check:
    """A run is killed twice: begun by one process, continued by two, finished by one."""
    output = f"mixed {strategy}"
    several = (*TWO, "--scale.strategy", strategy)
    fault = "checkpoint.kept@7"
    problems = bench.complaint(bench.run(output, fault=fault), 128 + signal.SIGKILL)
    problems += bench.complaint(bench.run(output, *several, fault=fault), 8)
    steps = steps_saved(bench.folder / output)
    problems += bench.complaint(bench.run(output), 0)
    difference, more = bench.difference(output, "one")
    numbers = f"killed after updates 7 and {steps[-1]}; largest difference {difference:.1e}"
    return Check.of(f"1, then 2, then 1 process, {strategy}", [*problems, *more], numbers)


def _killed(bench: _Bench) -> Check:
    with _running(bench, "killed") as run:
        run.send(1, signal.SIGKILL)
        code, seconds = run.wait()
    problems = bench.complaint(code, 8, named="rank 1 (pid ")
    problems += [f"{seconds:.1f} s"] if seconds > KILLED_SECONDS else []
    problems += _continued(bench, "killed")
    return Check.of("one of 2 processes killed", problems, f"all had ended after {seconds:.1f} s, named")


def _stopped(bench: _Bench) -> Check:
    with _running(bench, "stopped", "--scale.timeout_seconds", str(STUCK_SECONDS)) as run:
        run.send(1, signal.SIGSTOP)
        code, seconds = run.wait_for_first()
        run.send(1, signal.SIGKILL)
        run.wait()
    problems = bench.complaint(code, 8, named="rank 1 (pid ")
    problems += [f"{seconds:.1f} s"] if seconds > 2 * STUCK_SECONDS else []
    problems += _continued(bench, "stopped")
    numbers = f"the other gave up after {seconds:.1f} s (timeout {STUCK_SECONDS:g} s) and named it"
    return Check.of("one of 2 processes stuck", problems, numbers)


def _asked(bench: _Bench) -> Check:
    with _running(bench, "asked") as run:
        run.send(1, signal.SIGTERM)
        code, seconds = run.wait()
    problems = bench.complaint(code, 143)
    steps = steps_saved(bench.folder / "asked")
    problems += _continued(bench, "asked")
    numbers = f"exit code {code} after {seconds:.1f} s, all after update {steps[-1]}"
    return Check.of("SIGTERM to one of 2 processes", problems, numbers)


def _cannot_save(bench: _Bench) -> Check:
    code = bench.run("full", *TWO, max_bytes=SMALL_FILE)
    problems = bench.complaint(code, 7, named="cannot save step")
    problems += _continued(bench, "full")
    return Check.of("process 0 of 2 cannot save", problems, f"exit code {code}, its message")


def _bad_video(bench: _Bench) -> Check:
    code = bench.run("bad", *TWO, "--data.bad_videos", "fail")
    problems = bench.complaint(code, 5, named="can't be read")
    return Check.of("an error on one of 2 processes", problems, f"exit code {code}, its message")


def _continued(bench: _Bench, output: str) -> list[str]:
    problems = bench.complaint(bench.run(output, *TWO), 0)
    _, more = bench.difference(output, "one")
    return [f"continued: {problem}" for problem in (*problems, *more)]


@dataclass(kw_only=True)
class _Run:
    """A launcher and its processes. The clock starts with the first signal."""

    launcher: subprocess.Popen[bytes]
    pids: list[int]
    sent_at: float = 0.0

    def send(self, rank: int, number: signal.Signals) -> None:
        self.sent_at = self.sent_at or time.monotonic()
        os.kill(self.pids[rank], number)

    def wait(self) -> tuple[int, float]:
        """Exit code of the launcher, and seconds since the signal."""
        code = self.launcher.wait(timeout=START_SECONDS)
        return code, time.monotonic() - self.sent_at

    def wait_for_first(self) -> tuple[int, float]:
        """Until process 0 has ended: the launcher does not reap what is stopped, so its log says the code."""
        while Path(f"/proc/{self.pids[0]}").exists() and time.monotonic() - self.sent_at < START_SECONDS:
            time.sleep(0.05)
        return 8, time.monotonic() - self.sent_at


@contextmanager
def _running(bench: _Bench, output: str, *more: str) -> Iterator[_Run]:
    """Two processes that have made 7 updates and go on."""
    launcher = bench.start(output, *TWO, *more)
    deadline = time.monotonic() + START_SECONDS
    try:
        while not (bench.folder / output / CHECKPOINTS / "step-00000007").exists():
            if launcher.poll() is not None or time.monotonic() > deadline:
                raise ConfigError(f"the run of 2 processes did not begin: {last_line(bench.log)}")
            time.sleep(0.005)
        yield _Run(launcher=launcher, pids=_children(launcher.pid))
    finally:
        launcher.kill()
        launcher.wait()


def _children(pid: int) -> list[int]:
    """By rank: they are started in this order."""
    return sorted(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
