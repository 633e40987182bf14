"""The learning rate over a run, as factors of its highest value. Pure functions of the number of an update.

Updates are counted from 0 over the whole run. Nothing here depends on how an update is dealt to devices and
micro-batches, so the same recipe follows the same curve on one device and on many.
"""

from __future__ import annotations

import math
from typing import Protocol

from videoswin.train.optimizer_config import Shape

OFFICIAL_WARMUP_START = 0.1
OFFICIAL_MICRO_BATCHES = 8
"""Of an update. The official code measures its warm-up in them and so is 1/8 of an update behind ours (its
Swin-T, with 4, 1/4)."""


def official(update: int, *, updates_per_epoch: int, epochs: int, warmup_epochs: float) -> float:
    """A cosine that moves once an epoch and does not reach 0: the last of 30 epochs runs at 0.00274.

    During warm-up the epoch's value is scaled linearly from 0.1 to 1 (paper Sec. 4.1 and the mmcv 1.3 hook of
    the official code).
    """
    value = (1 + math.cos(math.pi * (update // updates_per_epoch) / epochs)) / 2
    passed = update + 1 - 1 / OFFICIAL_MICRO_BATCHES  # an update happens with its last micro-batch
    warmup_updates = warmup_epochs * updates_per_epoch
    if passed < warmup_updates:
        value *= 1 - (1 - OFFICIAL_WARMUP_START) * (1 - passed / warmup_updates)
    return value


def smooth(update: int, *, updates_per_epoch: int, epochs: int, warmup_epochs: float) -> float:
    """Linear rise over the warm-up, then a cosine that moves every update.

    It would be 0 at the update after the last. Better than `official` for short runs, where one step of that
    staircase is a large part of the whole.
    """
    warmup_updates = warmup_epochs * updates_per_epoch
    if update < warmup_updates:
        return min(1.0, (update + 1) / warmup_updates)
    progress = (update - warmup_updates) / (epochs * updates_per_epoch - warmup_updates)
    return (1 + math.cos(math.pi * progress)) / 2


class Schedule(Protocol):
    """The learning rate at an update, as a factor of its highest value."""

    def __call__(
        self, update: int, *, updates_per_epoch: int, epochs: int, warmup_epochs: float
    ) -> float: ...


SCHEDULES: dict[Shape, Schedule] = {"official": official, "smooth": smooth}
