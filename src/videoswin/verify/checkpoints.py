"""A process that saves checkpoints is killed, at every point of a save and at any time; afterwards a good one
must be there. Damage to a good one must be found."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videoswin.errors import CheckpointError, ConfigError
from videoswin.faults import POINTS
from videoswin.train.checkpoint import CheckpointFolder, read
from videoswin.verify.outcome import Check
from videoswin.verify.saver import Ended, Job, Saver, is_of_its_step, saver, snapshot_of

SAVES = 3
KEEP = 2
"""One save more than are kept, so that the points of removing are reached too."""
LONGEST_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointsConfig:
    """kills: at random times; positions: bytes changed of each file."""

    kills: int
    positions: int
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("kills", 1), ("positions", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: {least} or more")


def verify_checkpoints(
    config: CheckpointsConfig, *, progress: Callable[[str], None] = lambda what: None
) -> list[Check]:
    """All checks, in a temporary folder. progress: is told what is about to be done."""
    checks = []
    with tempfile.TemporaryDirectory(prefix="videoswin-verify-") as name, saver() as saving:
        folder = Path(name) / "checkpoints"
        for point in POINTS:
            if point.startswith("checkpoint."):
                progress(f"killed at {point}")
                checks.append(_kill_at(point, folder, saving))
        progress(f"killed {config.kills} times")
        checks.append(_kill_at_random(config, folder, saving))
        progress("damaged")
        checks += _damage(config, folder)
    return checks


def _kill_at(point: str, folder: Path, saving: Saver) -> Check:
    """Each time that saving SAVES steps reaches the point."""
    problems: list[str] = []
    times = 0
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        fault = f"{point}@{times + 1}"
        ended = saving.run(Job(folder=str(folder), first=1, saves=SAVES, keep=KEEP, fault=fault))
        problems += [f"{fault}: {problem}" for problem in _problems(folder, ended, before=0)]
        if not ended.is_killed:
            break
        times += 1
        after = saving.run(Job(folder=str(folder), first=SAVES + 1, saves=1, keep=KEEP))
        problems += [f"after {fault}: {problem}" for problem in _problems(folder, after, before=0)]
        left = sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
        problems += [f"after {fault}: {name} is left" for name in left]
    if times == 0:
        problems.append("never reached")
    return Check.of(f"killed at {point}", problems, f"{times} times")


def _kill_at_random(config: CheckpointsConfig, folder: Path, saving: Saver) -> Check:
    """One run that goes on after each kill."""
    random = np.random.default_rng(config.seed)
    shutil.rmtree(folder, ignore_errors=True)
    problems: list[str] = []
    newest = num_saved = num_inside = 0
    for seconds in random.uniform(0.001, LONGEST_SECONDS, size=config.kills):
        job = Job(folder=str(folder), first=newest + 1, saves=10_000, keep=KEEP, kill_after=float(seconds))
        ended = saving.run(job)
        problems += _problems(folder, ended, before=newest)
        num_saved += len(ended.saved)
        num_inside += folder.exists() and any(path.name.startswith(".tmp") for path in folder.iterdir())
        found = _newest(folder)
        newest = newest if found is None else found
    numbers = f"{config.kills} times, {num_inside} inside a save; {num_saved} saves"
    return Check.of("killed at random", problems, numbers)


def _newest(folder: Path) -> int | None:
    try:
        found = CheckpointFolder(folder).find(lambda line: None)
    except CheckpointError:  # told as a problem by `_problems`
        return None
    return None if found is None else found.step


def _problems(folder: Path, ended: Ended, *, before: int) -> list[str]:
    """What is wrong with a folder after a process that saved to it ended; before: the newest step then, 0 for
    none."""
    problems = [ended.error] if ended.error else []
    log: list[str] = []
    try:
        found = CheckpointFolder(folder).find(log.append)
    except CheckpointError as error:
        return [*problems, str(error)]
    newest_saved = max([before, *ended.saved])
    if found is None:
        return (
            [*problems, f"no checkpoint, though step {newest_saved} was saved"] if newest_saved else problems
        )
    if found.step < newest_saved:
        problems.append(f"the newest is step {found.step}, though step {newest_saved} was saved")
    if not is_of_its_step(found):
        problems.append(f"step {found.step} holds something else")
    return [*problems, *log, *_unreadable(folder)]


def _unreadable(folder: Path) -> list[str]:
    """Whatever has the name of a checkpoint must be one, the older ones too."""
    problems = []
    for path in folder.glob("step-*"):
        try:
            read(path)
        except CheckpointError as error:
            problems.append(str(error))
    return problems


def _damage(config: CheckpointsConfig, folder: Path) -> list[Check]:
    """Bytes of each file of a checkpoint are changed, one at a time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = CheckpointFolder(folder).save(snapshot_of(1))
    random = np.random.default_rng(config.seed)
    return [_damage_file(file, config.positions, random) for file in sorted(path.iterdir())]


def _damage_file(file: Path, positions: int, random: np.random.Generator) -> Check:
    content = file.read_bytes()
    chosen = random.permutation(len(content))[:positions]
    missed = []
    for position in map(int, chosen):
        changed = bytearray(content)
        changed[position] ^= int(random.integers(1, 256))
        file.write_bytes(changed)
        try:
            read(file.parent)
            missed.append(f"byte {position} not noticed")
        except CheckpointError as error:
            if file.name not in str(error):
                missed.append(f"byte {position}: {error}")
    file.write_bytes(content)
    return Check.of(f"a byte changed of {file.name}", missed, f"{len(chosen)} bytes, one at a time")
