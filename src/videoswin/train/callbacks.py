"""Around the steps: seeds, bad videos are counted, weights are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from videoswin import ranks
from videoswin.data.dataset import Batch
from videoswin.data.ledger import BadSampleLedger
from videoswin.errors import DatasetError, printable
from videoswin.predict.classifier import save_classifier
from videoswin.train.data_config import BadVideoPolicy
from videoswin.train.module import TrainModule
from videoswin.train.state import whole_tensors
from videoswin.values import ClipSpec

MIN_BAD_VIDEOS = 10
"""Fewer are borne whatever their share: two bad files of a small set are no wrong mount."""


class SeedSteps(Callback):
    """Makes dropout and stochastic depth a function of (seed, epoch, batch, rank), as clips are of
    (seed, epoch, sample) already.

    Else they would depend on whatever else draws from torch's generator, as loaders do when workers start.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        place = (self.seed, trainer.current_epoch, batch_idx, trainer.global_rank)
        (state,) = np.random.SeedSequence(place).generate_state(1)
        torch.manual_seed(int(state))


class BadVideos(Callback):
    """Counts the videos of each epoch that can't be read, by any process, lists them and stops when they are
    too many.

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
        num_good, num_found = map(int, ranks.total([len(batch), len(batch.bad)]))
        bad = [video for own in ranks.gather(batch.bad) for video in own] if num_found else []
        self.ledger.record(num_good, bad, stage=stage, epoch=epoch)
        self.num_good += num_good
        num_bad = self.ledger.num_bad
        if bad and self.policy == "fail":
            first = bad[0]
            raise DatasetError(
                f"{printable(first.path)} can't be read: {first.reason}; data.bad_videos is fail "
                "(skip-and-report goes on without it)"
            )
        if num_bad >= MIN_BAD_VIDEOS and num_bad > self.max_fraction * self.num_videos:
            last = bad[-1]
            raise DatasetError(
                f"{num_bad} of {self.num_videos} videos can't be read, max_bad_fraction allows "
                f"{self.max_fraction:.1%}; {self.ledger.path} lists them; "
                f"the last: {printable(last.path)}: {last.reason}"
            )

    def _require_a_good_one(self, what: str) -> None:
        if self.num_good == 0:
            raise DatasetError(f"not one {what} video can be read; {self.ledger.path} lists them")

    def state_dict(self) -> dict[str, int]:
        ledger = self.ledger
        return {"bad": ledger.num_bad, "samples": ledger.num_samples, "good": self.num_good}

    def load_state_dict(self, state_dict: Mapping[str, int]) -> None:
        self.ledger.num_bad, self.ledger.num_samples = state_dict["bad"], state_dict["samples"]
        self.num_good = state_dict["good"]


class BestAndLast(Callback):
    """Keeps two weights files: of each validation, and of the best one by `metric`, the first of equals."""

    def __init__(self, output: Path, *, labels: Sequence[str], clip: ClipSpec, metric: str) -> None:
        self.best = output / "best.safetensors"
        self.last = output / "last.safetensors"
        self.labels = tuple(labels)
        self.clip = clip
        self.metric = metric
        self.best_value = -1.0
        self.best_epoch = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainModule)
        value = float(trainer.callback_metrics[self.metric])
        is_best = value > self.best_value
        if is_best:
            self.best_value, self.best_epoch = value, trainer.current_epoch + 1
        tensors = whole_tensors(pl_module.model)
        if trainer.is_global_zero:
            notes = {
                "epoch": str(trainer.current_epoch + 1),
                self.metric.replace("/", "_"): f"{value:.4f}",
            }
            for path in [self.best, self.last] if is_best else [self.last]:
                save_classifier(
                    path, pl_module.model, labels=self.labels, clip=self.clip, notes=notes, tensors=tensors
                )

    def state_dict(self) -> dict[str, float]:
        return {"best_value": self.best_value, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: Mapping[str, float]) -> None:
        self.best_value, self.best_epoch = state_dict["best_value"], int(state_dict["best_epoch"])
