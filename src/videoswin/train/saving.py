"""When and what a run saves: around Lightning's steps, the state right after an update."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from videoswin import ranks
from videoswin.data.dataset import Batch
from videoswin.errors import Stopped, StorageError
from videoswin.train.checkpoint import Snapshot, Writer
from videoswin.train.module import TrainModule
from videoswin.train.position import Batches, Position, place_loops
from videoswin.train.scale_config import CheckpointConfig
from videoswin.train.signals import SignalFlag, requeue_slurm_job
from videoswin.train.state import (
    collect_tensors,
    describe_groups,
    restore_groups,
    restore_tensors,
)


class Saving(Callback):
    """Saves after updates, when it is time and at the end of each epoch before its validation; at a signal
    saves and stops the run. Continues from `begin_from`.

    First of the callbacks: what it saves at the start of a batch, or of a validation, is what the last update
    left, rows of the metrics included.

    Args:
        writer: Of this process; None for all but rank 0.
        plan: When.
        batches: See there.
        about: What else the checkpoint is to say of the run, asked at each saving: plain values by name.
        begin_from: The state to continue, None for a new run.

    Raises Stopped after a signal, StorageError when saving fails.
    """

    def __init__(
        self,
        writer: Writer | None,
        *,
        plan: CheckpointConfig,
        batches: Batches,
        about: Callable[[], Mapping[str, Any]],
        begin_from: Snapshot | None,
    ) -> None:
        self.writer = writer
        self.plan = plan
        self.batches = batches
        self.about = about
        self.begin_from = begin_from
        self.flag = SignalFlag()
        self.saved_updates = 0
        self.saved_at = 0.0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.begin_from is not None:
            assert isinstance(pl_module, TrainModule)
            _restore(trainer, pl_module, self.begin_from, batches=self.batches)
            self.saved_updates = self.begin_from.step
            self.begin_from = None  # its tensors are in the model now
        self.saved_at = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.flag.listen()  # now, after Lightning has set handlers of its own

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if batch_idx and batch_idx % self.batches.accumulate == 0:
            in_epoch = batch_idx // self.batches.accumulate
            self._after_update(
                trainer, pl_module, trainer.current_epoch * self.batches.updates_per_epoch + in_epoch
            )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        updates = (trainer.current_epoch + 1) * self.batches.updates_per_epoch
        self._after_update(trainer, pl_module, updates, ends_epoch=True)

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        # All processes have as many batches, so all ask as often.
        (signal_number,) = map(int, ranks.largest([self.flag.number]))
        self._stop_if(signal_number, updates=self.saved_updates)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.writer is not None:
            self.writer.close()

    def _after_update(
        self, trainer: Trainer, pl_module: LightningModule, updates: int, *, ends_epoch: bool = False
    ) -> None:
        is_due = ranks.rank() == 0 and self._is_due(updates)
        due, signal_number = map(int, ranks.largest([is_due, self.flag.number]))
        if (due or signal_number or ends_epoch) and updates > self.saved_updates:
            assert isinstance(pl_module, TrainModule)
            self._save(trainer, pl_module, updates)
        self._stop_if(signal_number, updates=updates)

    def _is_due(self, updates: int) -> bool:
        is_late = 0 < self.plan.minutes * 60 <= time.monotonic() - self.saved_at
        return is_late or 0 < self.plan.updates <= updates - self.saved_updates

    def _save(self, trainer: Trainer, module: TrainModule, updates: int) -> None:
        tensors = collect_tensors(module, trainer.optimizers[0])
        fault = ""
        if self.writer is not None:
            state = _collect_numbers(trainer, module) | dict(self.about())
            try:
                self.writer.save(Snapshot(step=updates, tensors=tensors, state=state))
            except StorageError as error:
                fault = str(error)
        # All processes end with the reason, none waits for one that has.
        for reason in filter(None, ranks.gather(fault)):
            raise StorageError(reason)
        self.saved_updates = updates
        self.saved_at = time.monotonic()

    def _stop_if(self, signal_number: int, *, updates: int) -> None:
        if not signal_number:
            return
        if self.writer is not None:
            self.writer.close()
            if signal_number == signal.SIGUSR1:  # Ctrl-C and `scancel`, which send others, mean the end
                requeue_slurm_job()
        raise Stopped(
            f"stopped by a signal after update {updates}, which is saved; the same command continues",
            signal_number=signal_number,
        )


def _collect_numbers(trainer: Trainer, module: TrainModule) -> dict[str, Any]:
    (schedule,) = (config.scheduler for config in trainer.lr_scheduler_configs)
    states = {callback.state_key: callback.state_dict() for callback in _stateful(trainer)}
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    return {
        "optimizer_groups": describe_groups(module, trainer.optimizers[0]),
        "schedule": schedule.state_dict(),
        "scaler": None if scaler is None else scaler.state_dict(),
        "callbacks": {key: state for key, state in states.items() if state},
        "counters": module.counters(),
    }


def _restore(trainer: Trainer, module: TrainModule, snapshot: Snapshot, *, batches: Batches) -> None:
    """Raises CheckpointError for a state that doesn't fit this run."""
    state, optimizer = snapshot.state, trainer.optimizers[0]
    restore_tensors(module, optimizer, snapshot.tensors)
    restore_groups(optimizer, state["optimizer_groups"], describe_groups(module, optimizer))
    trainer.lr_scheduler_configs[0].scheduler.load_state_dict(state["schedule"])
    if state["scaler"] is not None:
        trainer.precision_plugin.load_state_dict(state["scaler"])
    for callback in _stateful(trainer):
        if callback.state_key in state["callbacks"]:
            callback.load_state_dict(state["callbacks"][callback.state_key])
    module.load_counters(state["counters"])
    place_loops(
        trainer,
        Position(updates=snapshot.step, updates_per_epoch=batches.updates_per_epoch),
        batches=batches,
    )


def _stateful(trainer: Trainer) -> list[Callback]:
    return [callback for callback in trainer.callbacks if callback.state_dict()]  # type: ignore[attr-defined]
