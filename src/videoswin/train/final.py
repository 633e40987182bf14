"""The end of a run: its newest weights on the videos of `data.test`, with the test-time views of the paper.

The same evaluation as `videoswin evaluate`, and the same three files.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import torch

from videoswin.data.sampling import test_indices
from videoswin.evaluate import EvaluateConfig, evaluate, prepare_folder, write_report
from videoswin.evaluate.predictions import require_pyarrow
from videoswin.evaluate.run import Progress
from videoswin.predict import Precision as EvaluatePrecision
from videoswin.train.config import Precision, TrainConfig
from videoswin.train.progress import STATUS_SECONDS
from videoswin.values import ClipSpec, Views, default_views

logger = logging.getLogger(__name__)

PRECISIONS: dict[Precision, EvaluatePrecision] = {"fp32": "fp32", "bf16": "bf16", "fp16": "fp32"}
"""That of the training -> that of the evaluation, where fp16 would only risk an overflow."""


def plan_evaluation(config: TrainConfig, *, clip: ClipSpec) -> EvaluateConfig | None:
    """How the run will evaluate at its end; None if it names no `data.test`.

    Checked here, before hours of training. Raises ConfigError for views that don't fit the sampling. The
    videos themselves are checked with the others, in `read_splits`.
    """
    if config.data.test == "":
        return None
    views = Views.parse(config.views) if config.views else default_views(clip)
    test_indices(1, clip, views.clips)
    require_pyarrow()
    return EvaluateConfig(
        views=views,
        root=config.data.root,
        multi_label=config.data.multi_label,
        num_workers=config.data.num_workers,
        precision=PRECISIONS[config.precision],
    )


def evaluate_last(
    last: Path, source: str, plan: EvaluateConfig, *, device: torch.device, folder: Path
) -> None:
    """Measure `last` on `source` as planned, write the report into `folder` and log one line.

    The last weights, not the best: the best were chosen by validation videos, which may be the same ones, and
    the paper reports its last. Raises DatasetError when no video can be read, WeightsError for scores that
    are not finite, StorageError.
    """
    prepare_folder(folder, force=True)  # of this run, which a kill may have ended right after it
    report = evaluate(last, source, replace(plan, device=str(device)), progress=_status_lines())
    write_report(report, folder)
    metrics = report.metrics
    unread = f", {len(report.bad)} of them unreadable" if report.bad else ""
    logger.info(
        f"test: top-1 {metrics.top1:.1%}, top-{metrics.top_k} {metrics.top5:.1%} of "
        f"{metrics.num_listed} videos{unread}, {plan.views} views, {last}; report: {folder}"
    )


def _status_lines() -> Progress:
    """A line each STATUS_SECONDS at most."""
    newest = time.perf_counter()

    def follow(done: int, listed: int) -> None:
        nonlocal newest
        if time.perf_counter() - newest >= STATUS_SECONDS:
            newest = time.perf_counter()
            logger.info(f"test: {done} of {listed} videos")

    return follow
