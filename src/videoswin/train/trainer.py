"""Lightning's Trainer as we use it: our callbacks and processes, and silence where we speak already."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import Profiler

from videoswin.errors import RankLostError
from videoswin.train.config import Precision, TrainConfig
from videoswin.train.datamodule import VideoData
from videoswin.train.module import TrainModule
from videoswin.train.position import Batches
from videoswin.train.strategy import Layout, build_strategy

PRECISIONS: dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}
"""Ours -> Lightning's. The mixed ones keep the weights in fp32."""


def build_trainer(
    config: TrainConfig,
    layout: Layout,
    *,
    loggers: Sequence[Logger],
    callbacks: Sequence[Callback],
    profiler: Profiler,
    batches: Batches,
) -> Trainer:
    """A Trainer for the processes of `layout`, each with the best device there is for it."""
    return Trainer(
        accelerator="auto",
        devices=layout.devices,
        num_nodes=layout.nodes,
        strategy=build_strategy(config.scale, layout),
        plugins=[LightningEnvironment()],
        precision=PRECISIONS[config.precision],
        max_epochs=config.epochs,
        accumulate_grad_batches=batches.accumulate,
        logger=list(loggers),
        log_every_n_steps=max(1, min(10, batches.updates_per_epoch // 20)),
        callbacks=list(callbacks),
        profiler=profiler,
        enable_progress_bar=False,  # Bar is
        enable_checkpointing=False,  # Saving and BestAndLast do it
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours needs none
    )


def fit(trainer: Trainer, module: TrainModule, data: VideoData) -> None:
    """Train without Lightning's own remarks.

    Raises what the callbacks raise; RankLostError for a loader worker that was killed; and KeyboardInterrupt
    on a second Ctrl-C: Lightning would exit with code 1 and ignore the next one.
    """
    try:
        trainer.fit(module, datamodule=data)
    except SystemExit as error:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from error
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise RankLostError(
            f"{' '.join(str(error).split())} The same command continues from the newest checkpoint; if it "
            "was killed for memory, a lower data.num_workers or data.prefetch_mib helps"
        ) from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without Lightning's tips, its remarks on what we log already, and warnings that are no fault."""
    lightning_logger = logging.getLogger("lightning.pytorch")
    level = lightning_logger.level
    lightning_logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # A batch of unreadable videos is skipped on purpose; BadVideos reports it.
            warnings.filterwarnings("ignore", message="`training_step` returned `None`")
            # Our sampler goes on in the middle of an epoch; Lightning looks for another way to do that.
            warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before")
            # The module itself sums over the processes before it logs.
            warnings.filterwarnings("ignore", message=".*sync_dist=True")
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
            # fp16 may leave out the first updates; the schedule counts them.
            warnings.filterwarnings("ignore", message=r"Detected call of `lr_scheduler\.step\(\)` before")
            # Frozen stages are, on purpose.
            warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
            # data.num_workers is the user's choice, and 0 is right for tiny sets.
            warnings.filterwarnings("ignore", message=".*does not have many workers")
            # Lightning 2.6 under torch 2.13, nothing a user could change.
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
            yield
    finally:
        lightning_logger.setLevel(level)
