"""Lightning's Trainer as we use it: our callbacks, one device, and silence where we speak already."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from videoswin.data.ledger import BadSampleLedger
from videoswin.train.callbacks import BadVideos, BestAndLast, SeedSteps, StopOnNonFiniteLoss
from videoswin.train.config import Precision, TrainConfig
from videoswin.train.datamodule import Splits, VideoData
from videoswin.train.module import TrainModule
from videoswin.train.output import as_plain
from videoswin.train.progress import Bar, EpochLines, Pace, StatusLines

PRECISIONS: dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}
"""Ours -> Lightning's. The mixed ones keep the weights in fp32."""


def build_trainer(
    config: TrainConfig, output: Path, *, splits: Splits, keeper: BestAndLast, num_batches: int
) -> Trainer:
    """A Trainer for one device, the best there is. It logs to metrics.csv and tensorboard/ in `output`."""
    ledger = BadSampleLedger(output / "bad_samples.jsonl")
    num_videos = len(splits.train) + len(splits.val)
    pace = Pace()
    watch = Bar(pace) if sys.stderr.isatty() else StatusLines(pace)
    csv_logger = CSVLogger(output, name="", version="")
    _ = csv_logger.experiment  # made while the folder is empty: it warns about other files
    board = TensorBoardLogger(output, name="", version="tensorboard", default_hp_metric=False)
    board.log_hyperparams(as_plain(config))
    return Trainer(
        accelerator="auto",
        devices=1,
        precision=PRECISIONS[config.precision],
        max_epochs=config.epochs,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.optimizer.max_gradient_norm or None,
        logger=[csv_logger, board],
        log_every_n_steps=min(10, math.ceil(num_batches / config.accumulate / 20)),
        callbacks=[
            SeedSteps(config.seed),
            BadVideos(
                ledger,
                num_videos=num_videos,
                max_fraction=config.max_bad_fraction,
                policy=config.data.bad_videos,
            ),
            StopOnNonFiniteLoss(splits.train),
            keeper,
            pace,
            watch,
            EpochLines(pace, ledger),  # after the bar is gone
        ],
        enable_progress_bar=False,  # Bar is
        enable_checkpointing=False,  # BestAndLast does it
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours needs none
    )


def fit(trainer: Trainer, module: TrainModule, data: VideoData) -> None:
    """Train without Lightning's own remarks.

    Raises what the callbacks raise, and KeyboardInterrupt on Ctrl-C: Lightning would exit with code 1 and
    ignore the next one.
    """
    try:
        trainer.fit(module, datamodule=data)
    except SystemExit as error:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from error


@contextmanager
def cores_shared_with(num_workers: int) -> Iterator[None]:
    """Torch uses the cores that `num_workers` loader workers leave, at least one.

    Its threads wait for each other in every operation: a worker on the core of one holds up all. Measured on
    two busy cores with two workers: 4 clips a second with two threads, 16 with one.
    """
    before = torch.get_num_threads()
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(1, min(before, num_cores - num_workers)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without Lightning's tips, its remarks on what we log already, and three warnings that are no fault."""
    lightning_logger = logging.getLogger("lightning.pytorch")
    level = lightning_logger.level
    lightning_logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # A batch of unreadable videos is skipped on purpose; BadVideos reports it.
            warnings.filterwarnings("ignore", message="`training_step` returned `None`")
            # data.num_workers is the user's choice, and 0 is right for tiny sets.
            warnings.filterwarnings("ignore", message=".*does not have many workers")
            # Lightning 2.6 under torch 2.13, nothing a user could change.
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
            yield
    finally:
        lightning_logger.setLevel(level)
