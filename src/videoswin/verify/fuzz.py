"""Thousands of damaged videos through the reader: none may crash it, hang it or fill the memory, and every
failure must be one of ours.

Damage depends on (seed, number) and the source clips alone, so one offender can be made again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videoswin.data.gate import Limits
from videoswin.data.pool import Lost, run_tasks
from videoswin.data.rows import VIDEO_EXTENSIONS
from videoswin.errors import ConfigError
from videoswin.verify.clips import write_clips
from videoswin.verify.examine import Finding, Task, examine
from videoswin.verify.mutate import mutate

LIMITS = Limits(max_memory=512 * 2**20)
"""The stated bound: 512 MiB for one file, beyond the process itself; 60 s."""


@dataclass(frozen=True, kw_only=True)
class FuzzConfig:
    """What to damage, how often, and with how many processes."""

    count: int
    seed: int
    source: str
    """Folder of clips; empty for clips made on the spot."""
    output: str
    """Where offenders are kept; empty to keep none."""
    num_workers: int

    def __post_init__(self) -> None:
        for name, least in (("count", 1), ("seed", 0), ("num_workers", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: {least} or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One damaged clip and how reading it ended."""

    number: int
    source: str
    mutation: str
    finding: Finding

    @property
    def is_offender(self) -> bool:
        return bool(self.finding.problem)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All cases: how many ended how, and the worst."""

    outcomes: dict[str, int]
    num_offenders: int
    peak_bytes: int
    """Of one file, beyond the process."""
    slowest_seconds: float

    @staticmethod
    def of(cases: Sequence[Case]) -> Summary:
        findings = [case.finding for case in cases]
        return Summary(
            outcomes=dict(Counter(finding.outcome for finding in findings).most_common()),
            num_offenders=sum(case.is_offender for case in cases),
            peak_bytes=max((finding.peak_bytes for finding in findings), default=0),
            slowest_seconds=max((finding.seconds for finding in findings), default=0.0),
        )


def fuzz(config: FuzzConfig) -> Iterator[Case]:
    """Damage and read `config.count` clips; each case as it is known, in any order.

    Raises ConfigError for a source without videos.
    """
    with tempfile.TemporaryDirectory(prefix="videoswin-fuzz-") as name:
        folder = Path(name)
        (folder / "sources").mkdir()
        sources = list_sources(config.source) if config.source else write_clips(folder / "sources")
        contents = {path: path.read_bytes() for path in sources}
        stories: dict[str, tuple[int, Path, str]] = {}

        def tasks() -> Iterator[Task]:
            for number in range(config.count):
                content, source, mutation = damaged_clip(contents, seed=config.seed, number=number)
                path = folder / f"{number:06d}-{source.name}"
                path.write_bytes(content)
                stories[str(path)] = number, source, mutation
                yield Task(path=str(path), limits=LIMITS)

        for task, answer in run_tasks(
            examine,
            tasks(),
            num_workers=config.num_workers,
            timeout_seconds=LIMITS.max_wall_seconds,
            preload=examine.__module__,
        ):
            number, source, mutation = stories.pop(task.path)
            finding = _lost(answer) if isinstance(answer, Lost) else answer
            case = Case(number=number, source=source.name, mutation=mutation, finding=finding)
            _clear_away(Path(task.path), config.output if case.is_offender else "")
            yield case


def damaged_clip(contents: dict[Path, bytes], *, seed: int, number: int) -> tuple[bytes, Path, str]:
    """(content, the clip it was made of, what was done to it) of one case."""
    random = np.random.default_rng((seed, number))
    source, other = (list(contents)[index] for index in random.integers(len(contents), size=2))
    content, mutation = mutate(contents[source], contents[other], random)
    return content, source, mutation


def list_sources(folder: str) -> list[Path]:
    """The video files of a folder and the folders in it, in the order of their names."""
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in VIDEO_EXTENSIONS)
    sources = [path for path in files if path.is_file() and path.stat().st_size]
    if not sources:
        raise ConfigError(f"{folder}: no video files ({' '.join(VIDEO_EXTENSIONS)})")
    return sources


def _lost(lost: Lost) -> Finding:
    return Finding(outcome="lost", problem=lost.reason, seconds=0.0, peak_bytes=0)


def _clear_away(path: Path, keep_in: str) -> None:
    if not keep_in:
        path.unlink()
        return
    Path(keep_in).mkdir(parents=True, exist_ok=True)
    shutil.move(path, Path(keep_in) / path.name)
