"""A training run is killed, at any time and at every point of a save, and continued with the same command:
what it leaves must equal, byte for byte, what the run leaves that nobody killed."""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from videoswin.errors import ConfigError
from videoswin.faults import POINTS
from videoswin.verify.job import LIVELY, TrainingJob, differences, is_finished, last_line, write_job_videos
from videoswin.verify.outcome import Check
from videoswin.verify.zygote import Order, Zygote, zygote

EPOCHS = 3
SAVE_ALWAYS = ("--checkpoint.updates", "1", "--checkpoint.keep", "2")
WORKERS = 1
"""Of every third process, so that a run is continued with another number of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeConfig:
    """kills: at random times. points: also at each point of a save."""

    kills: int
    points: bool
    seed: int

    def __post_init__(self) -> None:
        for name in ("kills", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: 0 or more")


class _Bench:
    """The job, its run that nobody killed, and runs that somebody does."""

    def __init__(self, folder: Path, process: Zygote) -> None:
        self.folder = folder
        self.process = process
        self.log = folder / "log.txt"
        videos = write_job_videos(folder / "videos")
        self.job = TrainingJob(videos=videos, epochs=EPOCHS, options=(*LIVELY, *SAVE_ALWAYS))
        self.golden = folder / "golden"
        ended = process.run(Order(arguments=self.job.arguments(self.golden), log=str(self.log)))
        if ended.code:
            raise ConfigError(f"the run that nobody kills ended with {ended.code}: {last_line(self.log)}")
        self.seconds = ended.seconds
        self.num_started = 0

    def run(self, output: Path, *, fault: str = "", kill_after: float = 0.0) -> int:
        """Start or continue; returns the exit code."""
        self.num_started += 1
        workers = WORKERS if self.num_started % 3 == 0 else 0
        order = Order(
            arguments=self.job.arguments(output, "--data.num_workers", str(workers)),
            log=str(self.log),
            fault=fault,
            signal_number=signal.SIGKILL if kill_after else 0,
            after=kill_after,
        )
        return self.process.run(order).code

    def problems(self, output: Path, code: int) -> list[str]:
        """Of a run that has come to its end."""
        if code:
            return [f"exit code {code}: {last_line(self.log)}"]
        found = differences(output, self.golden)
        return [f"other than the run that nobody killed: {', '.join(found)}"] if found else []


def verify_resume(
    config: ResumeConfig, *, progress: Callable[[str], None] = lambda what: None
) -> list[Check]:
    """One check for the random kills, one for each point of a save. progress: is told what is about to be
    done."""
    with tempfile.TemporaryDirectory(prefix="videoswin-verify-") as name, zygote() as process:
        progress("the run that nobody kills")
        bench = _Bench(Path(name), process)
        checks = [_kill_at_random(config, bench, progress)] if config.kills else []
        if config.points:
            for point in POINTS:
                if point.startswith("checkpoint."):
                    progress(f"killed at {point}")
                    checks.append(_kill_at(point, bench, seed=config.seed))
        return checks


def _kill_at_random(config: ResumeConfig, bench: _Bench, progress: Callable[[str], None]) -> Check:
    """Runs are killed and continued until `kills` have hit; the last one of each comes to its end."""
    chance = random.Random(config.seed)
    output = bench.folder / "killed"
    kills = runs = 0
    problems: list[str] = []
    while kills < config.kills:
        progress(f"killed {kills} of {config.kills} times")
        code = bench.run(output, kill_after=chance.uniform(0.01, bench.seconds))
        kills += code == 128 + signal.SIGKILL
        if code not in (0, 128 + signal.SIGKILL) or is_finished(output):
            problems += bench.problems(output, bench.run(output))
            runs += 1
            shutil.rmtree(output)
    if output.exists():
        problems += bench.problems(output, bench.run(output))
        runs += 1
        shutil.rmtree(output)
    return Check.of("killed at random", problems, f"{kills} times in {runs} runs")


def _kill_at(point: str, bench: _Bench, *, seed: int) -> Check:
    """At one of the times, chosen at random, that the run reaches the point."""
    output = bench.folder / "killed"
    chance = random.Random(f"{seed} {point}")
    # Points of a file are reached several times a save, those of removing once there is one too many.
    time = chance.randint(1, EPOCHS * 2)
    code = bench.run(output, fault=f"{point}@{time}")
    problems = [] if code == 128 + signal.SIGKILL else [f"{point}@{time} was not reached (exit code {code})"]
    problems += bench.problems(output, bench.run(output))
    shutil.rmtree(output)
    return Check.of(f"killed at {point}", problems, f"time {time}")
