"""What a run leaves, and its last steps."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoswin import ranks
from videoswin.train.curves import draw_curves, read_curves
from videoswin.train.report import write_page
from videoswin.train.resume import BEST, FINISHED_FILE, write_finished

EVALUATION = "evaluation"
"""Folder, in that of the run, of the report on `data.test`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What a finished run leaves. best_value is of the validation set, in [0, 1], by `metric` (val/top1, with
    several classes a video val/map); best_epoch counts from 1. evaluation is the folder of the report on
    `data.test`, None without one."""

    output: Path
    best: Path
    last: Path
    curves: Path
    report: Path
    metric: str
    best_value: float
    best_epoch: int
    evaluation: Path | None


def finish(
    output: Path, *, metric: str, best_value: float, best_epoch: int, record: Mapping[str, Any]
) -> TrainResult:
    """Draw what there is to see, say where everything is, and mark the run as over."""
    finished = {"metric": metric, "best_value": best_value, "best_epoch": best_epoch, **record}
    result = _result(output, finished)
    if ranks.rank() == 0:
        draw_curves(read_curves(output / "metrics.csv"), result.curves)
        write_page(output)
        name = {"val/top1": "top-1", "val/map": "mean average precision"}[metric]
        logger.info(
            f"best {name} {best_value:.1%} after epoch {best_epoch}: {result.best}; newest: {result.last}; "
            f"report: {result.report}"
        )
        write_finished(output, finished)
    return result


def read_finished(output: Path) -> TrainResult:
    """Of the run in `output`, which is over."""
    return _result(output, json.loads((output / FINISHED_FILE).read_text()))


def _result(output: Path, finished: Mapping[str, Any]) -> TrainResult:
    return TrainResult(
        output=output,
        best=output / BEST,
        last=output / "last.safetensors",
        curves=output / "curves.png",
        report=output / "report.html",
        metric=finished["metric"],
        best_value=finished["best_value"],
        best_epoch=finished["best_epoch"],
        evaluation=output / EVALUATION if finished["config"]["data"]["test"] else None,
    )
