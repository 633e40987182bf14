"""Whether a run starts, goes on, or is over: what its folder holds and what the user wants."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoswin.errors import CheckpointError, ConfigError, printable
from videoswin.storage import write_atomically
from videoswin.train.checkpoint import CheckpointFolder, Snapshot, read
from videoswin.train.checks import DATA_FILE
from videoswin.train.config import TrainConfig
from videoswin.train.growing_file import cut_back, flushed_length
from videoswin.train.output import CONFIG_FILE, as_plain, require_empty

CHECKPOINTS = "checkpoints"
BEST = "best.safetensors"
FINISHED_FILE = "finished.json"
"""Written last: a run without it is not over."""
GROWING_FILES = ("metrics.csv", "speed.csv", "bad_samples.jsonl")
"""What a run appends to: a run that goes on cuts them back to what its checkpoint knows."""
FREE = ("output", "resume", "checkpoint", "scale", "micro_batch", "data.num_workers", "data.prefetch_mib")
"""Settings that change nothing of what is learnt: a run may go on with others. So may the places of its
videos and weights; that the videos are the same, their fingerprint says."""
PLACES = ("data.train", "data.val", "data.test", "data.root", "data.label_map", "weights")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """snapshot: the state to go on from, None to start. is_finished: nothing is left to do."""

    snapshot: Snapshot | None = None
    is_finished: bool = False


def find_beginning(config: TrainConfig, output: Path) -> Beginning:
    """What `config.resume` means for what is there.

    Raises ConfigError for a folder that can't be used so, CheckpointError for a checkpoint that is damaged or
    of another run.
    """
    if config.resume not in ("auto", "never"):
        _require_apart(output, Path(config.resume))
        return _continue_named(config, Path(config.resume), output)
    if not (output / CONFIG_FILE).exists():
        require_empty(output)
        return Beginning()
    if config.resume == "never":
        raise ConfigError(
            f"output {output} holds a run already, and resume is never; name a new folder with --output, or "
            "continue it with --resume auto"
        )
    if (output / FINISHED_FILE).exists():
        finished = json.loads((output / FINISHED_FILE).read_text())
        require_same_run(finished, config, where=f"the run in {output}")
        return Beginning(is_finished=True)
    snapshot = CheckpointFolder(output / CHECKPOINTS).find(logger.warning)
    if snapshot is not None:
        require_same_run(snapshot.state, config, where=f"the run in {output}")
        return Beginning(snapshot=snapshot)
    _require_only_a_start(output)
    logger.info(f"the run in {output} ended before its first checkpoint: it starts again")
    return Beginning()


def _continue_named(config: TrainConfig, path: Path, output: Path) -> Beginning:
    """A checkpoint, or a folder of a run or of checkpoints. What its run has written so far is copied."""
    if not path.is_dir():
        raise ConfigError(
            f"resume is {path}, which is no folder; allowed: auto, never, a checkpoint or a run"
        )
    inside = path / CHECKPOINTS
    is_many = inside.is_dir() or path.name == CHECKPOINTS
    found = CheckpointFolder(inside if inside.is_dir() else path).find() if is_many else read(path)
    if found is None:
        raise ConfigError(f"resume is {path}, which holds no checkpoint")
    require_same_run(found.state, config, where=str(path))
    run = path if inside.is_dir() else path.parent if is_many else path.parent.parent
    if run.resolve() != output.resolve():
        for name in (BEST, *GROWING_FILES):
            if (run / name).exists():
                shutil.copyfile(run / name, output / name)
    return Beginning(snapshot=found)


def require_same_run(saved: Mapping[str, Any], config: TrainConfig, *, where: str) -> None:
    """Raises CheckpointError naming each setting that differs from the saved run's (F09)."""
    before, now = flat(saved["config"]), flat(as_plain(config))
    differences = [
        f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key) and not _is_free(key)
    ]
    if differences:
        raise CheckpointError(
            f"{printable(where)} has other settings: {'; '.join(differences)}. Continue with its own "
            f"(--config {CONFIG_FILE} of its folder), or name a new folder with --output"
        )


def require_same_data(saved: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """data: fingerprints by split. Raises CheckpointError naming the splits that are not the saved ones."""
    changed = [name for name in {*saved["data"], *data} if saved["data"].get(name) != data.get(name)]
    if changed:
        raise CheckpointError(
            f"the videos listed for {', '.join(sorted(changed))} are not those the run began with "
            f"({DATA_FILE}); continue with the same lists, or start anew with another --output"
        )


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"data": {"val": ""}} -> {"data.val": ""}"""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _is_free(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in (*FREE, *PLACES))


def restore_files(output: Path, lengths: Mapping[str, int]) -> None:
    """Cut what the run appends to back to `lengths`, bytes by name; without, to nothing. From here on it is
    not over. Raises StorageError."""
    (output / FINISHED_FILE).unlink(missing_ok=True)  # a checkpoint of a finished run was named
    for name in GROWING_FILES:
        cut_back(output / name, lengths.get(name, 0))


def measure_files(output: Path) -> dict[str, int]:
    """Bytes of what the run appends to, which are on the disk when this returns. Raises StorageError."""
    return {name: flushed_length(output / name) for name in GROWING_FILES}


def write_finished(output: Path, record: Mapping[str, Any]) -> None:
    """Raises StorageError."""
    write_atomically(output / FINISHED_FILE, (json.dumps(record, indent=2) + "\n").encode())


def _require_apart(output: Path, named: Path) -> None:
    """A checkpoint of this run, or a folder for a new one: the files of another run are not cut back to the
    lengths of this checkpoint."""
    if named.resolve().is_relative_to(output.resolve()):
        return
    if (output / CONFIG_FILE).exists():
        raise ConfigError(
            f"output {output} holds a run already, and resume is {named}, which is not its; name a new "
            "folder with --output, or continue this run with --resume auto"
        )
    require_empty(output)


def _require_only_a_start(output: Path) -> None:
    """A run that has weights but not one checkpoint is an older version's, or was tidied up: not ours to
    write over."""
    found = [name for name in ("best.safetensors", "last.safetensors") if (output / name).exists()]
    if found:
        raise ConfigError(
            f"output {output} holds {' and '.join(found)} but no checkpoint to continue from; name a new "
            "folder with --output"
        )
    shutil.rmtree(output / "tensorboard", ignore_errors=True)
