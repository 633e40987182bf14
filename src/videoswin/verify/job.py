"""A small real training job, with everything in it that could differ after a stop, and two of its runs
compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videoswin.train.checkpoint import CheckpointFolder
from videoswin.train.resume import CHECKPOINTS, FINISHED_FILE
from videoswin.verify.clips import write_different

VIDEOS_PER_CLASS = 7
_CLASSES = ("left", "right")
_BAD = "torn.mp4"
UPDATES_PER_EPOCH = 3
"""Of 12 videos, 4 an update; 3 of the 15 are held out."""

COMMON = (
    *("--model.embed_dim", "16", "--model.depths", "[1,1]", "--model.num_heads", "[1,2]"),
    *("--model.window", "[2,4,4]", "--clip.num_frames", "4", "--clip.size", "32"),
    *("--data.val_fraction", "0.25", "--data.num_workers", "0", "--max_bad_fraction", "1"),
    *("--optimizer.backbone_multiplier", "1", "--optimizer.learning_rate", "1e-3"),
    *("--global_batch", "4", "--micro_batch", "2", "--loggers", "[]"),
)
LIVELY = (
    *(
        "--augment.mixup_alpha",
        "0.8",
        "--augment.randaugment_ops",
        "2",
        "--augment.erase_probability",
        "0.25",
    ),
    *("--drop_path_rate", "0.2", "--head_dropout", "0.5", "--label_smoothing", "0.1"),
    *("--ema_decay", "0.9", "--optimizer.max_gradient_norm", "1", "--patience", "1000"),
)
"""Whatever draws random numbers or keeps a state of its own."""
STILL = ("--drop_path_rate", "0", "--head_dropout", "0")
"""Nothing that depends on which process a clip is on."""


_FILES = (
    *("best.safetensors", "last.safetensors", "validation.safetensors"),
    *("metrics.csv", "bad_samples.jsonl", "data.json"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingJob:
    """videos: a folder of two classes, one video damaged. options: of `videoswin train`."""

    videos: Path
    epochs: int
    options: Sequence[str]

    @property
    def num_updates(self) -> int:
        return self.epochs * UPDATES_PER_EPOCH

    def arguments(self, output: Path, *more: str) -> list[str]:
        """Of `videoswin`."""
        where = ("--data.train", str(self.videos), "--output", str(output), "--epochs", str(self.epochs))
        return ["train", *where, "--schedule.warmup_epochs", "0.5", *COMMON, *self.options, *more]


def write_job_videos(folder: Path) -> Path:
    """VIDEOS_PER_CLASS of each of two classes, and one that can't be read."""
    for label in _CLASSES:
        (folder / label).mkdir(parents=True)
    for number, path in enumerate(write_different(folder, 2 * VIDEOS_PER_CLASS)):
        path.rename(folder / _CLASSES[number % 2] / path.name)
    whole = folder / _CLASSES[0] / "0.mp4"
    (folder / _CLASSES[0] / _BAD).write_bytes(whole.read_bytes()[:300])
    return folder


def differences(output: Path, golden: Path) -> list[str]:
    """What two finished runs don't have in common to the last byte, times and places left aside."""
    names = ("best.safetensors", "last.safetensors", "validation.safetensors", "metrics.csv")
    found = [
        name for name in (*names, "bad_samples.jsonl") if _digest(output / name) != _digest(golden / name)
    ]
    own, other = (CheckpointFolder(run / CHECKPOINTS).find() for run in (output, golden))
    if own is None or other is None or own.step != other.step:
        return [*found, "the last checkpoint"]
    for group in {*own.tensors, *other.tensors}:
        ours, theirs = own.tensors.get(group, {}), other.tensors.get(group, {})
        is_same = ours.keys() == theirs.keys() and all(
            ours[name].numpy().tobytes() == theirs[name].numpy().tobytes() for name in ours
        )
        found += [] if is_same else [f"{group} of the last checkpoint"]
    for key in ("optimizer_groups", "schedule", "scaler", "callbacks", "counters", "data"):
        found += [] if own.state[key] == other.state[key] else [f"{key} of the last checkpoint"]
    return found


def is_finished(output: Path) -> bool:
    return (output / FINISHED_FILE).exists()


def last_line(log: Path) -> str:
    """Of what a run has printed."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "nothing printed"


def steps_saved(output: Path) -> list[int]:
    """Of the whole checkpoints, oldest first."""
    folder = output / CHECKPOINTS
    found = folder.glob("step-*/MANIFEST.json") if folder.is_dir() else ()
    return sorted(json.loads(path.read_text())["step"] for path in found)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"
