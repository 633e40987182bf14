"""Where the numbers of a run go: metrics.csv and speed.csv always, and the boards that the user names.

What a board can't take, a full disk or a service that is away, costs one warning, never the run.
"""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from videoswin.packages import require
from videoswin.train.config import BoardName
from videoswin.train.metrics_file import METRICS, SPEED, MetricsFile

PROJECT = "videoswin"
"""What boards with projects or experiments file the runs under."""

logger = logging.getLogger(__name__)


def build_loggers(
    output: Path,
    *,
    boards: Sequence[BoardName],
    hyperparameters: dict[str, Any],
    purge_step: int | None = None,
) -> list[Logger]:
    """metrics.csv, speed.csv and the boards, all below `output`; the name of that folder names the run.

    hyperparameters: nested plain values, which the boards show beside the run. purge_step: the update a
    continued run starts from; TensorBoard hides what an earlier process wrote after it. Raises ConfigError
    for a board whose package is missing.
    """
    for name in boards:
        require((name,), purpose=f"the logger {name}", extra=name if name in ("wandb", "mlflow") else "train")
    metrics = MetricsFile(output / "metrics.csv", columns=METRICS)
    speed = MetricsFile(output / "speed.csv", columns=SPEED)
    built = [Spared(name, partial(BOARDS[name], output, purge_step)) for name in boards]
    for board in built:
        board.log_hyperparams(hyperparameters)
    return [metrics, speed, *built]


def _tensorboard(output: Path, purge_step: int | None) -> Logger:
    return TensorBoardLogger(
        output, name="", version="tensorboard", default_hp_metric=False, purge_step=purge_step
    )


def _wandb(output: Path, purge_step: int | None) -> Logger:
    """Weights & Biases finds the run of a process that was killed in this folder, and continues it."""
    return WandbLogger(name=output.name, project=PROJECT, save_dir=output, resume="auto")


def _mlflow(output: Path, purge_step: int | None) -> Logger:
    """At MLFLOW_TRACKING_URI, else in a database in the folder of the run. A continued run is a second one of
    its name."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{output.resolve()}/mlflow.db"
    return MLFlowLogger(experiment_name=PROJECT, run_name=output.name, tracking_uri=uri)


BOARDS: dict[BoardName, Callable[[Path, int | None], Logger]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}


class Spared(Logger):
    """Another logger, until it fails for the first time: one warning, and nothing is asked of it again."""

    def __init__(self, name: str, build: Callable[[], Logger]) -> None:
        """build: makes it, on process 0 only and not before it is needed."""
        super().__init__()
        self.board = name
        self._build = build
        self._logger: Logger | None = None
        self.has_failed = False

    @property
    def name(self) -> str:
        return self.board

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: object, **kwargs: object) -> None:
        self._try(lambda logger: logger.log_hyperparams(params))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._try(lambda logger: logger.log_metrics(dict(metrics), step=step))

    @rank_zero_only
    def save(self) -> None:
        self._try(lambda logger: logger.save())

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._try(lambda logger: logger.finalize(status))

    def _try(self, ask: Callable[[Logger], None]) -> None:
        if self.has_failed:
            return
        try:
            self._logger = self._logger or self._build()
            ask(self._logger)
        except Exception as error:  # services raise what they like
            self.has_failed = True
            reason = " ".join(str(error).split()) or type(error).__name__
            logger.warning(f"{self.board} can't be written: {reason}; the run goes on without it")
