"""How fast a run is, what holds it up, and what it takes: clips a second, time spent waiting for the loader,
memory. Of this process and this machine, never part of what a run computes."""

from __future__ import annotations

import resource
import sys
import time
from datetime import timedelta

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler

from videoswin.data.dataset import Batch
from videoswin.train.waiting import Elapsed, GpuIdle

NEXT_BATCH = ".train_dataloader_next"
"""How Lightning's name for the time from asking the loader for a training batch to having it ends."""


class LoaderWait(Profiler):
    """Seconds that the training steps waited for the loader, since the last `reset`. As Lightning's profiler
    it sees exactly that, and nothing of what happens between two steps.

    On a GPU steps go on computing while the loader is asked, and that is no waiting: there the time counts in
    which the GPU had nothing to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self._clock = GpuIdle() if torch.cuda.is_available() else Elapsed()

    @property
    def seconds(self) -> float:
        return self._clock.seconds

    def start(self, action_name: str) -> None:
        if action_name.endswith(NEXT_BATCH):
            self._clock.start()

    def stop(self, action_name: str) -> None:
        if action_name.endswith(NEXT_BATCH):
            self._clock.stop()

    def reset(self) -> None:
        self._clock = type(self._clock)()


class Pace(Callback):
    """Of the epoch so far: clips per second of all processes, validation left out, and the share of the time
    in which this one waited for videos, if the Trainer has `wait` as its profiler; and the time the run still
    needs.

    Counts only what this process does: in a continued run the first epoch starts where the run does.
    """

    def __init__(self) -> None:
        self.wait = LoaderWait()
        self.clips_per_second = 0.0
        self.data_wait = 0.0
        self.memory_mib = 0.0
        self.seconds_left = 0.0
        self.started = 0.0
        self.num_batches = 0
        self.epoch_started = 0.0
        self.epoch_clips = 0

    def __str__(self) -> str:
        if self.epoch_clips == 0:
            return "no step yet"  # a continued run may begin with a validation
        left = timedelta(seconds=round(self.seconds_left))
        return (
            f"{self.clips_per_second:.1f} clips/s, {self.data_wait:.0%} waiting for data, "
            f"{self.memory_mib:,.0f} MiB, {left} left"
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.started = time.perf_counter()
        self.num_batches = 0
        self._start_epoch()  # a run that continues in the middle of an epoch has no start of it

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_epoch()

    def _start_epoch(self) -> None:
        self.epoch_started = time.perf_counter()
        self.epoch_clips = 0
        self.wait.reset()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        self.num_batches += 1
        # Process 0 has as many clips as any other, at most one more a batch.
        self.epoch_clips += len(batch) * batch.clips.shape[1] * trainer.world_size
        seconds = time.perf_counter() - self.epoch_started
        self.clips_per_second = self.epoch_clips / seconds
        self.data_wait = min(self.wait.seconds / seconds, 1.0)
        self.memory_mib = peak_memory_mib(pl_module.device)
        for name in ("clips_per_second", "data_wait", "memory_mib"):
            pl_module.log(name, getattr(self, name), batch_size=1)
        self._estimate(trainer, batches_done=trainer.current_epoch * num_batches(trainer) + batch_idx + 1)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Again, because validation took its time.
        self._estimate(trainer, batches_done=(trainer.current_epoch + 1) * num_batches(trainer))

    def _estimate(self, trainer: Trainer, *, batches_done: int) -> None:
        assert trainer.max_epochs is not None
        batches_left = trainer.max_epochs * num_batches(trainer) - batches_done
        seconds_a_batch = (time.perf_counter() - self.started) / max(self.num_batches, 1)
        self.seconds_left = seconds_a_batch * batches_left


def num_batches(trainer: Trainer) -> int:
    """Of one training epoch."""
    return int(trainer.num_training_batches)


def peak_memory_mib(device: torch.device) -> float:
    """The most that tensors took on the GPU, elsewhere the most that this process took."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 2**20
