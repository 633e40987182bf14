"""How a run is watched: a bar (on no terminal a line now and then), a line after each epoch. Process 0
speaks, the others are silent."""

from __future__ import annotations

import logging
import sys
import time

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from videoswin.data.dataset import Batch
from videoswin.data.ledger import BadSampleLedger
from videoswin.train.speed import Pace, num_batches

STATUS_SECONDS = 300.0
"""Without a terminal, a line inside an epoch comes this often at most."""

logger = logging.getLogger(__name__)


def watch_with(pace: Pace, ledger: BadSampleLedger) -> list[Callback]:
    """A bar on a terminal, elsewhere lines; and a line after each epoch."""
    watch = Bar(pace) if sys.stderr.isatty() else StatusLines(pace)
    return [watch, EpochLines(pace, ledger)]  # after the bar is gone


class Bar(Callback):
    """A bar on stderr for each epoch and its validation, gone before the line of the epoch is logged."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        state = TextColumn("{task.fields[state]}")
        self.progress = Progress(*columns, state, console=Console(stderr=True), transient=True)
        self.task = self.progress.add_task("", state="")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that continues in the middle of an epoch has no start of it.
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress.reset(self.task, description=_epoch(trainer), total=num_batches(trainer))
        if trainer.is_global_zero:
            self.progress.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        # Not `advance`: a continued run starts in the middle of an epoch.
        self.progress.update(self.task, completed=batch_idx + 1, state=f"{_newest(trainer)}, {self.pace}")

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

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last_line = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last_line = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.is_global_zero and time.perf_counter() - self.last_line >= STATUS_SECONDS:
            self.last_line = time.perf_counter()
            place = f"{_epoch(trainer)}, batch {batch_idx + 1}/{num_batches(trainer)}"
            logger.info(f"{place}: {_newest(trainer)}, {self.pace}")


class EpochLines(Callback):
    """Logs a line after each epoch and its validation."""

    def __init__(self, pace: Pace, ledger: BadSampleLedger) -> None:
        self.pace = pace
        self.ledger = ledger

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            found = trainer.callback_metrics
            parts = [form.format(float(found[name])) for name, form in _EPOCH.items() if name in found]
            logger.info(f"{_epoch(trainer)}: {', '.join(parts)}, {self.pace}, {self.ledger}")


_EPOCH = {
    "train/loss_epoch": "loss {:.3f}",
    "train/top1_epoch": "training top-1 {:.1%}",
    "val/loss": "val loss {:.3f}",
    "val/top1": "top-1 {:.1%}",
    "val/top5": "top-5 {:.1%}",
    "val/map": "mAP {:.1%}",
}
"""What the line of an epoch tells, of what was logged."""

_STEP = {"train/loss_step": "loss {:.3f}", "train/top1_step": "top-1 {:.0%}"}


def _epoch(trainer: Trainer) -> str:
    return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


def _newest(trainer: Trainer) -> str:
    """Loss and accuracy of the newest batch; there are none before the first with a readable video."""
    found = trainer.callback_metrics
    parts = [form.format(float(found[name])) for name, form in _STEP.items() if name in found]
    return ", ".join(parts) or "no loss yet"
