"""Every listed video exactly once: the same bytes for any number of processes and any batch size.

Real processes, found together by torchrun, evaluate lists of 0 to N small videos, of which one is damaged and
one is missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from videoswin import weights
from videoswin.errors import ConfigError
from videoswin.evaluate.predictions import read_predictions, require_pyarrow
from videoswin.evaluate.report import to_json
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec
from videoswin.verify.clips import write_different
from videoswin.verify.outcome import Check

WEIGHTS = "micro.safetensors"
LISTS = "lists"
LABELS = ("jump", "run", "walk")
DAMAGED, MISSING = 3, 7
"""Places in the list, from 0."""
TIMEOUT_SECONDS = 1800.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig:
    """Lists of 0 to `videos`, by 1 to `processes`, in batches of 1 to `batch_size`."""

    videos: int = 17
    processes: int = 3
    batch_size: int = 4

    def __post_init__(self) -> None:
        for name in ("videos", "processes", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: 1 or more")


def verify_evaluation(config: EvaluationConfig, *, progress: Callable[[str], None]) -> list[Check]:
    """Evaluate all combinations and compare what was written. Raises ConfigError where pyarrow is missing."""
    require_pyarrow()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progress("rendering videos")
        _prepare(folder, config.videos)
        problems_of = {}
        for world in range(1, config.processes + 1):
            progress(f"evaluating with {world} of {config.processes} processes")
            (folder / str(world)).mkdir()
            problems_of[world] = _run(folder, world, config) or _differences(folder, world, config)
        total = (config.videos + 1) * config.batch_size
        return [
            Check.of(
                f"same bytes: {world} process{'es' * (world > 1)}",
                problems,
                f"{total - len(problems)} of {total} evaluations of 0 to {config.videos} videos in batches "
                f"of 1 to {config.batch_size} gave the files of one process and batches of 1",
            )
            for world, problems in problems_of.items()
        ] + [_check_counts(folder, config), _check_predictions(folder, config)]


def outcome_name(num_videos: int, batch_size: int) -> str:
    """Of the files of one evaluation, without the ending."""
    return f"{num_videos}-videos-{batch_size}-batch"


def _prepare(folder: Path, num_videos: int) -> None:
    """Videos, the lists of the first 0, 1, 2 ... of them, and a model whose scores differ from video to
    video."""
    (folder / LISTS).mkdir()
    videos = write_different(folder, num_videos)
    if num_videos > DAMAGED:
        videos[DAMAGED].write_bytes(videos[DAMAGED].read_bytes()[:300])
    if num_videos > MISSING:
        videos[MISSING].unlink()
    rows = [f"{video.name},{LABELS[number % len(LABELS)]}\n" for number, video in enumerate(videos)]
    for count in range(num_videos + 1):
        (folder / LISTS / f"{count}.csv").write_text("path,label\n" + "".join(rows[:count]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = SwinConfig(
            embed_dim=16, depths=(1, 1), num_heads=(2, 2), window=(2, 4, 4), num_classes=len(LABELS)
        )
        model = VideoSwin(config)
    with torch.no_grad():
        model.head.weight.mul_(100)
    clip = ClipSpec(num_frames=4, stride=1, size=32)
    weights.save(folder / WEIGHTS, model, labels=LABELS, clip=clip, notes={})


def _run(folder: Path, world: int, config: EvaluationConfig) -> list[str]:
    """What went wrong with the job itself."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)]
    arguments = [str(folder), str(folder / str(world)), str(config.videos), str(config.batch_size)]
    command = [sys.executable, *launcher, "-m", "videoswin.verify.evaluation_job", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"no end after {TIMEOUT_SECONDS:.0f} s"]
    return [f"exit code {done.returncode}: {done.stderr.strip()[-300:]}"] if done.returncode else []


def _differences(folder: Path, world: int, config: EvaluationConfig) -> list[str]:
    """The evaluations whose files are not those of one process and batches of 1."""
    problems = []
    for num_videos in range(config.videos + 1):
        expected = _contents(folder / "1", outcome_name(num_videos, 1))
        for batch_size in range(1, config.batch_size + 1):
            name = outcome_name(num_videos, batch_size)
            found = _contents(folder / str(world), name)
            if not found or found != expected:
                problems.append(f"{name} differs in {sorted(found.items() ^ expected.items())[:1]}")
    return problems


def _contents(folder: Path, name: str) -> dict[str, bytes]:
    return {path.suffix: path.read_bytes() for path in folder.glob(f"{name}.*")}


def _check_counts(folder: Path, config: EvaluationConfig) -> Check:
    """Of the reports of one process, which those of the others are equal to."""
    problems = []
    for num_videos in range(1, config.videos + 1):
        report = json.loads((folder / "1" / f"{outcome_name(num_videos, 1)}.json").read_text())
        num_bad = sum(place < num_videos for place in (DAMAGED, MISSING))
        found = (report["n_listed"], report["n_evaluated"], len(report["bad"]))
        if found != (num_videos, num_videos - num_bad, num_bad):
            problems.append(f"{num_videos} videos: listed, evaluated, bad are {found}")
    error = folder / "1" / f"{outcome_name(0, 1)}.error"
    if not error.exists():
        problems.append("an empty list gave a report")
    numbers = f"{config.videos} reports count each listed video, the damaged and the missing one as wrong"
    return Check.of("each video once", problems, numbers)


def _check_predictions(folder: Path, config: EvaluationConfig) -> Check:
    problems = []
    for num_videos in range(1, config.videos + 1):
        name = outcome_name(num_videos, 1)
        again = to_json(read_predictions(folder / "1" / f"{name}.parquet"))
        if again != (folder / "1" / f"{name}.json").read_text():
            problems.append(f"{name}: the predictions give another report")
    numbers = f"{config.videos} reports come again from their predictions.parquet"
    return Check.of("numbers again", problems, numbers)
