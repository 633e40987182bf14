"""The numbers of a run as a table in a CSV file that only grows, line by line. A full disk, or a folder that
is gone, costs rows and two warnings, never the run."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from videoswin.train.growing_file import append_line

METRICS = (
    "learning_rate",
    "gradient_norm",
    "train/loss_step",
    "train/top1_step",
    "train/loss_epoch",
    "train/top1_epoch",
    "val/loss",
    "val/top1",
    "val/top5",
    "val/map",
)
"""Columns of metrics.csv after step and epoch: what two runs of the same recipe have in common to the last
digit."""

SPEED = ("clips_per_second", "data_wait", "memory_mib")
"""Columns of speed.csv after step and epoch: what depends on the machine and its moment."""

_PLACE = ("step", "epoch")

logger = logging.getLogger(__name__)


class MetricsFile(Logger):
    """Appends a line for each step or epoch logged: step, epoch, and a cell for each of `columns`, empty
    where it was not logged. What has no column is for other loggers.

    Floats are written so that they read back to the same bits. Every line reaches the system at once, so it
    survives the process. Only process 0 writes.
    """

    def __init__(self, path: Path, *, columns: Sequence[str]) -> None:
        """The file is made with its first row; rows already there stay."""
        super().__init__()
        self.path = path
        self.columns = tuple(columns)
        self.num_lost = 0  # rows since the last one that was written

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    def log_hyperparams(self, params: object, *args: object, **kwargs: object) -> None:
        """Not for a table of numbers: config.yaml has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not metrics.keys().isdisjoint(self.columns):
            self._append({"step": step, **metrics})

    def _append(self, row: Mapping[str, float | None]) -> None:
        try:
            append_line(self.path, _line(self._cells(row)), header=_line([*_PLACE, *self.columns]))
        except OSError as error:
            if self.num_lost == 0:
                logger.warning(f"cannot write {self.path}: {error.strerror}; the run goes on without")
            self.num_lost += 1
        else:
            if self.num_lost:
                logger.warning(f"{self.path} is written again; {self.num_lost} rows are missing")
            self.num_lost = 0

    def _cells(self, row: Mapping[str, float | None]) -> list[str]:
        values = (row.get(name) for name in (*_PLACE, *self.columns))
        return ["" if value is None else repr(value) for value in values]


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("ascii")
