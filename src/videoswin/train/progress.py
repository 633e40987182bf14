"""How a run is watched: its pace, a bar (on no terminal a line now and then), a line after each epoch."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from videoswin.data.dataset import Batch
from videoswin.data.ledger import BadSampleLedger

STATUS_SECONDS = 300.0
"""Without a terminal, a line inside an epoch comes this often at most."""

logger = logging.getLogger(__name__)


class Pace(Callback):
    """Clips per second of the epoch so far, waiting for videos included, and the time the run still needs."""

    def __init__(self) -> None:
        self.clips_per_second = 0.0
        self.seconds_left = 0.0
        self.started = 0.0
        self.epoch_started = 0.0
        self.epoch_clips = 0

    def __str__(self) -> str:
        return f"{self.clips_per_second:.1f} clips/s, {timedelta(seconds=round(self.seconds_left))} left"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.started = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epoch_started = time.perf_counter()
        self.epoch_clips = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        self.epoch_clips += batch.clips.shape[0] * batch.clips.shape[1]
        self.clips_per_second = self.epoch_clips / (time.perf_counter() - self.epoch_started)
        pl_module.log("clips_per_second", self.clips_per_second, batch_size=1)
        self._estimate(trainer, batches_done=trainer.current_epoch * _num_batches(trainer) + batch_idx + 1)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Again, because validation took its time.
        self._estimate(trainer, batches_done=(trainer.current_epoch + 1) * _num_batches(trainer))

    def _estimate(self, trainer: Trainer, *, batches_done: int) -> None:
        assert trainer.max_epochs is not None
        batches_left = trainer.max_epochs * _num_batches(trainer) - batches_done
        self.seconds_left = (time.perf_counter() - self.started) / batches_done * batches_left


class Bar(Callback):
    """A bar on stderr for each epoch and its validation, gone before the line of the epoch is logged."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        state = TextColumn("{task.fields[state]}")
        self.progress = Progress(*columns, state, console=Console(stderr=True), transient=True)
        self.task = self.progress.add_task("", state="")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress.reset(self.task, description=_epoch(trainer), total=_num_batches(trainer))
        self.progress.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        self.progress.update(self.task, advance=1, state=f"{_loss(trainer)}, {self.pace}")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        name = f"{_epoch(trainer)} validation"
        self.progress.reset(self.task, description=name, total=sum(trainer.num_val_batches))

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.progress.advance(self.task)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.progress.stop()


class StatusLines(Callback):
    """In place of the bar where there is no terminal: a line each STATUS_SECONDS, so none in short epochs."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.last_line = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last_line = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        if time.perf_counter() - self.last_line >= STATUS_SECONDS:
            self.last_line = time.perf_counter()
            place = f"{_epoch(trainer)}, batch {batch_idx + 1}/{_num_batches(trainer)}"
            logger.info(f"{place}: {_loss(trainer)}, {self.pace}")


class EpochLines(Callback):
    """Logs a line after each epoch and its validation."""

    def __init__(self, pace: Pace, ledger: BadSampleLedger) -> None:
        self.pace = pace
        self.ledger = ledger

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = trainer.callback_metrics
        logger.info(
            f"{_epoch(trainer)}: loss {metrics['train/loss_epoch']:.3f}, val loss {metrics['val/loss']:.3f}, "
            f"top-1 {metrics['val/top1']:.1%}, top-5 {metrics['val/top5']:.1%}, "
            f"{self.pace}, {self.ledger}"
        )


def _epoch(trainer: Trainer) -> str:
    return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


def _num_batches(trainer: Trainer) -> int:
    """Of one training epoch."""
    return int(trainer.num_training_batches)


def _loss(trainer: Trainer) -> str:
    """Of the newest batch; there is none before the first batch with a readable video."""
    loss = trainer.callback_metrics.get("train/loss_step")
    return "no loss yet" if loss is None else f"loss {float(loss):.3f}"
