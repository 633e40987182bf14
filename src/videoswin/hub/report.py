"""The numbers that a model card takes from the report.json of an evaluation."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from videoswin.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """One evaluation. Shares are of 1; `data` is the name of the list or folder, without the way to it."""

    data: str
    views: str
    precision: str
    top1: float
    top1_interval: tuple[float, float]
    """95 % interval of top1."""
    top_k: int
    top_k_accuracy: float
    mean_class_accuracy: float
    num_evaluated: int
    num_listed: int


def read_evaluation(path: str | os.PathLike[str], *, labels: tuple[str, ...]) -> Evaluation:
    """The numbers of a report.json that `videoswin evaluate` wrote for a model with these labels.

    Raises ConfigError for a file that can't be read, is no such report, or is of a model with other labels.
    """
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8") as file:
            report: dict[str, Any] = json.load(file)
        if labels and tuple(report["labels"]) != labels:
            raise ConfigError(f"{name}: evaluates {len(report['labels'])} other labels than the model's")
        low, high = report["top1_interval_95"]
        return Evaluation(
            # Where the data lay is nobody's business but the writer's.
            data=PurePath(report["data"]).name,
            views=str(report["views"]),
            precision=str(report["precision"]),
            top1=float(report["top1"]),
            top1_interval=(float(low), float(high)),
            top_k=int(report["top5_k"]),
            top_k_accuracy=float(report["top5"]),
            mean_class_accuracy=float(report["mean_class_accuracy"]),
            num_evaluated=int(report["n_evaluated"]),
            num_listed=int(report["n_listed"]),
        )
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{name}: not the report.json of an evaluation: {error!r}") from error
