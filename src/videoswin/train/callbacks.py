"""Around the steps: seeds, bad videos are counted, a non-finite loss stops the run, weights are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from videoswin.data.annotations import Sample
from videoswin.data.dataset import Batch
from videoswin.data.ledger import BadSampleLedger
from videoswin.errors import DatasetError, NonFiniteLossError, printable
from videoswin.predict.classifier import save_classifier
from videoswin.train.data_config import BadVideoPolicy
from videoswin.train.module import TrainModule
from videoswin.values import ClipSpec

MIN_BAD_VIDEOS = 10
"""Fewer are borne whatever their share: two bad files of a small set are no wrong mount."""

HINT = "a lower optimizer.learning_rate, precision fp32 or optimizer.max_gradient_norm 1 may help"


class SeedSteps(Callback):
    """Makes dropout and stochastic depth a function of (seed, epoch, batch), as order and clips are already.

    Else they would depend on whatever else draws from torch's generator, as loaders do when workers start.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        (state,) = np.random.SeedSequence((self.seed, trainer.current_epoch, batch_idx)).generate_state(1)
        torch.manual_seed(int(state))


class BadVideos(Callback):
    """Counts the videos of each epoch that can't be read, lists them and stops when they are too many.

    Raises DatasetError when more than `max_fraction` of `num_videos` (training and validation) are bad, and
    at least MIN_BAD_VIDEOS, or when an epoch has not one good video to train or to validate on; with the
    policy `fail` at the first bad one.
    """

    def __init__(
        self,
        ledger: BadSampleLedger,
        *,
        num_videos: int,
        max_fraction: float,
        policy: BadVideoPolicy = "skip-and-report",
    ) -> None:
        self.ledger = ledger
        self.num_videos = num_videos
        self.max_fraction = max_fraction
        self.policy = policy
        self.num_good = 0  # of the training or the validation that is running

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.ledger.start_epoch()
        self.num_good = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        self._count(batch, stage="train", epoch=trainer.current_epoch)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._require_a_good_one("training")
        self.num_good = 0

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._count(batch, stage="validation", epoch=trainer.current_epoch)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._require_a_good_one("validation")

    def _count(self, batch: Batch, *, stage: str, epoch: int) -> None:
        self.ledger.record(batch, stage=stage, epoch=epoch)
        self.num_good += len(batch)
        num_bad = self.ledger.num_bad
        if batch.bad and self.policy == "fail":
            first = batch.bad[0]
            raise DatasetError(
                f"{printable(first.path)} can't be read: {first.reason}; data.bad_videos is fail "
                "(skip-and-report goes on without it)"
            )
        if num_bad >= MIN_BAD_VIDEOS and num_bad > self.max_fraction * self.num_videos:
            last = batch.bad[-1]
            raise DatasetError(
                f"{num_bad} of {self.num_videos} videos can't be read, max_bad_fraction allows "
                f"{self.max_fraction:.1%}; {self.ledger.path} lists them; "
                f"the last: {printable(last.path)}: {last.reason}"
            )

    def _require_a_good_one(self, what: str) -> None:
        if self.num_good == 0:
            raise DatasetError(f"not one {what} video can be read; {self.ledger.path} lists them")


class StopOnNonFiniteLoss(Callback):
    """Raises NonFiniteLossError before the gradient of a NaN or infinite loss, naming step and videos.

    Also after a validation with such a loss, before BestAndLast, which comes later among the callbacks.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self.where = ""
        self.batch: Batch | None = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self.where = (
            f"update {trainer.global_step} (epoch {trainer.current_epoch + 1}, batch {batch_idx + 1})"
        )
        self.batch = batch

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        value = float(loss.detach())  # waits for the device once a batch: the price of stopping in time
        if not math.isfinite(value):
            assert self.batch is not None
            paths = ", ".join(printable(self.samples[index].path) for index in self.batch.indices.tolist())
            raise NonFiniteLossError(
                f"the loss is {value} at {self.where}, which was not made; videos: {paths}; {HINT}"
            )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        value = float(trainer.callback_metrics["val/loss"])
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"the validation loss is {value} after update {trainer.global_step}; "
                f"the weights are broken and not kept; {HINT}"
            )


class BestAndLast(Callback):
    """Keeps two weights files after each validation: the best top-1 (first of equals) and the newest."""

    def __init__(self, output: Path, *, labels: Sequence[str], clip: ClipSpec) -> None:
        self.best = output / "best.safetensors"
        self.last = output / "last.safetensors"
        self.labels = tuple(labels)
        self.clip = clip
        self.best_top1 = -1.0
        self.best_epoch = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        top1 = float(trainer.callback_metrics["val/top1"])
        is_best = top1 > self.best_top1
        if is_best:
            self.best_top1, self.best_epoch = top1, trainer.current_epoch + 1
        if trainer.is_global_zero:
            assert isinstance(pl_module, TrainModule)
            notes = {"epoch": str(trainer.current_epoch + 1), "val_top1": f"{top1:.4f}"}
            for path in [self.best, self.last] if is_best else [self.last]:
                save_classifier(path, pl_module.model, labels=self.labels, clip=self.clip, notes=notes)
