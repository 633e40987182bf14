"""The learning rate over a run, as factors of its highest value. Pure functions of a batch number.

Batches are counted from 0 over the whole run, and every batch counts, also those whose gradients are only
accumulated: the official code measures its warm-up in them.
"""

from __future__ import annotations

import math
from typing import Protocol

from videoswin.train.optimizer_config import Shape

OFFICIAL_WARMUP_START = 0.1


def official(batch: int, *, batches_per_epoch: int, epochs: int, warmup_epochs: float) -> float:
    """A cosine that moves once an epoch and does not reach 0: the last of 30 epochs runs at 0.00274.

    During warm-up the epoch's value is scaled linearly from 0.1 to 1, batch by batch (paper Sec. 4.1 and the
    mmcv 1.3 hook of the official code).
    """
    value = (1 + math.cos(math.pi * (batch // batches_per_epoch) / epochs)) / 2
    warmup_batches = warmup_epochs * batches_per_epoch
    if batch < warmup_batches:
        value *= 1 - (1 - OFFICIAL_WARMUP_START) * (1 - batch / warmup_batches)
    return value


def smooth(batch: int, *, batches_per_epoch: int, epochs: int, warmup_epochs: float) -> float:
    """Linear rise over the warm-up, then a cosine that moves every batch.

    It would be 0 at the batch after the last. Better than `official` for short runs, where one step of that
    staircase is a large part of the whole.
    """
    warmup_batches = warmup_epochs * batches_per_epoch
    if batch < warmup_batches:
        return min(1.0, (batch + 1) / warmup_batches)
    progress = (batch - warmup_batches) / (epochs * batches_per_epoch - warmup_batches)
    return (1 + math.cos(math.pi * progress)) / 2


class Schedule(Protocol):
    """The learning rate at a batch, as a factor of its highest value."""

    def __call__(self, batch: int, *, batches_per_epoch: int, epochs: int, warmup_epochs: float) -> float: ...


SCHEDULES: dict[Shape, Schedule] = {"official": official, "smooth": smooth}


def factor_at_update(
    update: int, *, shape: Shape, batches_per_epoch: int, accumulate: int, epochs: int, warmup_epochs: float
) -> float:
    """The factor of update number `update` (from 0): that of the batch after which it happens."""
    batch = last_batch(update, batches_per_epoch=batches_per_epoch, accumulate=accumulate)
    return SCHEDULES[shape](
        batch, batches_per_epoch=batches_per_epoch, epochs=epochs, warmup_epochs=warmup_epochs
    )


def last_batch(update: int, *, batches_per_epoch: int, accumulate: int) -> int:
    """The batch after which update number `update` (from 0) happens. Accumulation ends with its epoch.

    7 batches an epoch, accumulate 3: updates 0, 1, 2, 3 happen after the batches 2, 5, 6, 9.
    """
    updates_per_epoch = math.ceil(batches_per_epoch / accumulate)
    epoch, position = divmod(update, updates_per_epoch)
    return epoch * batches_per_epoch + min((position + 1) * accumulate, batches_per_epoch) - 1
