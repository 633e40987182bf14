"""The list of videos that could not be read: one JSON object a line in `bad_samples.jsonl`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from videoswin import ranks
from videoswin.data.dataset import BadVideo
from videoswin.errors import StorageError


class BadSampleLedger:
    """Counts the samples of a run and writes down the bad ones as they come, so that the list survives a
    crash."""

    def __init__(self, path: Path) -> None:
        """The file is made with the first bad video; lines already there stay."""
        self.path = path
        self.num_bad = 0
        self.num_samples = 0

    def record(self, num_good: int, bad: Sequence[BadVideo], *, stage: str, epoch: int) -> None:
        """Count a batch and, on process 0, write its bad videos. stage: `train`, `validation` or `test`.
        Raises StorageError."""
        self.num_samples += num_good + len(bad)
        self.num_bad += len(bad)
        if ranks.rank() == 0:
            append_bad_videos(self.path, bad, stage=stage, epoch=epoch)

    @property
    def bad_fraction(self) -> float:
        """Share of the samples so far that could not be read, 0 before the first."""
        return self.num_bad / max(self.num_samples, 1)

    def start_epoch(self) -> None:
        """Count from 0 again."""
        self.num_bad = self.num_samples = 0

    def __str__(self) -> str:
        listed = f" (listed in {self.path})" if self.num_bad else ""
        return f"bad {self.num_bad} of {self.num_samples}{listed}"


def append_bad_videos(path: Path, bad: Sequence[BadVideo], *, stage: str, epoch: int) -> None:
    """Append a line for each video: path, size and time of change (null where it can't be had), stage, code,
    reason.

    Raises StorageError naming path and cause.
    """
    if not bad:
        return
    lines = "".join(json.dumps(_record(video, stage=stage, epoch=epoch)) + "\n" for video in bad)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _record(video: BadVideo, *, stage: str, epoch: int) -> dict[str, str | int | float | None]:
    try:
        status = os.stat(video.path)
    except (OSError, ValueError):  # gone, or never a file name: that is why it is bad
        status = None
    return {
        "path": video.path,
        "size_bytes": status and status.st_size,
        "mtime_seconds": status and status.st_mtime,
        "index": video.index,
        "label": video.label,
        "stage": stage,
        "epoch": epoch,
        "code": video.code,
        "reason": video.reason,
    }
