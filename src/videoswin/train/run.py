"""One training run from its configuration to its files. The only place that sees the whole configuration."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from torch import nn

from videoswin.errors import ConfigError
from videoswin.train.begin import begin
from videoswin.train.callbacks import BestAndLast
from videoswin.train.checks import DATA_FILE, write_fingerprints
from videoswin.train.config import TrainConfig
from videoswin.train.curves import draw_curves, read_curves
from videoswin.train.datamodule import Splits, VideoData, read_splits
from videoswin.train.final import evaluate_last, plan_evaluation
from videoswin.train.module import TrainModule
from videoswin.train.output import prepare_output, write_config
from videoswin.train.schedule import factor_at_update
from videoswin.train.trainer import build_trainer, cores_shared_with, fit, quiet_lightning
from videoswin.values import ClipSpec

logger = logging.getLogger(__name__)

EVALUATION = "evaluation"
"""Folder, in that of the run, of the report on `data.test`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What a finished run leaves. best_top1 is of the validation set, in [0, 1]; best_epoch counts from 1.
    evaluation is the folder of the report on `data.test`, None without one."""

    output: Path
    best: Path
    last: Path
    curves: Path
    best_top1: float
    best_epoch: int
    evaluation: Path | None


def train(config: TrainConfig) -> TrainResult:
    """Train as `config` says; progress goes to the log `videoswin.train`, results into `config.output`.

    Seeds torch's global generator, for initial values and again for each batch (dropout).

    Raises, before anything is trained, ConfigError, AnnotationError, WeightsError or StorageError; later
    DatasetError for too many unreadable videos, NonFiniteLossError, StorageError. The weights are kept when
    the evaluation on `data.test` fails.
    """
    output = prepare_output(config.output, sources=(config.data.train, config.data.val, config.data.test))
    if config.precision == "fp16" and not torch.cuda.is_available():
        raise ConfigError("precision is fp16, which needs a CUDA GPU; allowed here: fp32, bf16")
    torch.manual_seed(config.seed)
    beginning = begin(config)
    clip = beginning.clip
    splits = read_splits(config.data, known_labels=beginning.known_labels, seed=config.seed, folder=output)
    plan = plan_evaluation(config, clip=clip)
    model = beginning.build(splits.labels)
    data = VideoData(
        splits,
        clip=clip,
        augment=config.augment,
        batch_size=config.batch_size,
        num_workers=config.data.num_workers,
        seed=config.seed,
        prefetch_mib=config.data.prefetch_mib,
    )
    keeper = BestAndLast(output, labels=splits.labels, clip=clip)
    with quiet_lightning(), cores_shared_with(config.data.num_workers):
        trainer = build_trainer(config, output, splits=splits, keeper=keeper, num_batches=data.num_batches)
        write_config(config, output / "config.yaml")
        named = {"train": splits.train, "val": splits.val}
        write_fingerprints(output / DATA_FILE, named, splits.labels)
        for line in describe(config, splits, model, trainer, clip=clip, num_batches=data.num_batches):
            logger.info(line)
        fit(trainer, build_module(config, model, num_batches=data.num_batches), data)
        result = _finish(output, keeper, is_evaluated=plan is not None)
        if plan is not None:
            device = trainer.strategy.root_device
            evaluate_last(result.last, config.data.test, plan, device=device, folder=output / EVALUATION)
    return result


def _finish(output: Path, keeper: BestAndLast, *, is_evaluated: bool) -> TrainResult:
    """Draw the curves and say where everything is."""
    result = TrainResult(
        output=output,
        best=keeper.best,
        last=keeper.last,
        curves=output / "curves.png",
        best_top1=keeper.best_top1,
        best_epoch=keeper.best_epoch,
        evaluation=output / EVALUATION if is_evaluated else None,
    )
    draw_curves(read_curves(output / "metrics.csv"), result.curves)
    logger.info(
        f"best top-1 {result.best_top1:.1%} after epoch {result.best_epoch}: {result.best}; "
        f"newest: {result.last}; curves: {result.curves}"
    )
    return result


def build_module(config: TrainConfig, model: nn.Module, *, num_batches: int) -> TrainModule:
    factor = partial(
        factor_at_update,
        shape=config.schedule.shape,
        batches_per_epoch=num_batches,
        accumulate=config.accumulate,
        epochs=config.epochs,
        warmup_epochs=config.schedule.warmup_epochs,
    )
    return TrainModule(
        model,
        optimizer=config.optimizer,
        factor=factor,
        batch_size=config.batch_size,
        label_smoothing=config.label_smoothing,
    )


def describe(
    config: TrainConfig,
    splits: Splits,
    model: nn.Module,
    trainer: Trainer,
    *,
    clip: ClipSpec,
    num_batches: int,
) -> list[str]:
    """What is about to run, as lines."""
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    num_updates = math.ceil(num_batches / config.accumulate)
    update = config.batch_size * config.accumulate
    peer = f"{config.peer}, " if config.peer else ""
    return [
        f"data: {len(splits.train)} training and {len(splits.val)} validation videos, "
        f"{len(splits.labels)} classes; clips of {clip.num_frames} frames ({clip.sampling}, "
        f"stride {clip.stride}), {clip.size} px",
        f"model: {peer}{num_parameters:,} parameters; {config.precision} on {name}, "
        f"{torch.get_num_threads()} threads, {config.data.num_workers} loader workers",
        f"batch: {config.batch_size} clips x {config.accumulate} accumulated = {update} an update; "
        f"{num_batches} batches = {num_updates} updates an epoch, {config.epochs} epochs",
    ]
