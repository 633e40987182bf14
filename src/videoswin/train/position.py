"""Where in a run an update is, and Lightning's loops placed there.

Lightning's own way to continue in the middle of an epoch counts micro-batches, of which another number of
devices makes another number. Here a place is counted in updates, and the loops' counters follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Trainer


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Right after an update. updates: made since training began, at least 1."""

    updates: int
    updates_per_epoch: int

    @property
    def epoch(self) -> int:
        """From 0. The last update of an epoch is still in it: its validation is to come."""
        return (self.updates - 1) // self.updates_per_epoch

    @property
    def updates_in_epoch(self) -> int:
        """1 to `updates_per_epoch`."""
        return (self.updates - 1) % self.updates_per_epoch + 1

    @property
    def ends_epoch(self) -> bool:
        return self.updates_in_epoch == self.updates_per_epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class Batches:
    """How the loader of this process deals out an epoch."""

    updates_per_epoch: int
    per_epoch: int
    """Micro-batches."""
    accumulate: int
    """Micro-batches of a full update."""


def place_loops(trainer: Trainer, position: Position, *, batches: Batches) -> None:
    """Make the next `fit` of `trainer` go on after `position`: with the next micro-batch of the epoch, or,
    where it ends the epoch, with the validation.

    The loader must yield what is left of the epoch first. To be called once Lightning has set up the
    optimizer.
    """
    loop = trainer.fit_loop
    state: dict[str, Any] = loop.state_dict()
    epoch, ends = position.epoch, position.ends_epoch
    done = batches.per_epoch if ends else position.updates_in_epoch * batches.accumulate
    _count(state["epoch_progress"], epoch, begun=epoch + 1)
    _count(state["epoch_loop.batch_progress"], done, total=epoch * batches.per_epoch + done)
    state["epoch_loop.batch_progress"]["is_last_batch"] = ends
    step = state["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]["step"]
    _count(step, position.updates_in_epoch, total=position.updates)
    _count(state["epoch_loop.scheduler_progress"], position.updates_in_epoch, total=position.updates)
    # Lightning numbers the rows of its loggers by this and counts the update once more before a validation
    # that it makes after a restart.
    state["epoch_loop.state_dict"]["_batches_that_stepped"] = position.updates - ends
    if ends:
        # A validation that looks begun is what makes Lightning go through it.
        begun = state["epoch_loop.val_loop.batch_progress"]["total"]
        begun.update(ready=1, started=1, processed=0, completed=0)
    loop.load_state_dict(state)


def _count(
    progress: dict[str, Any], done: int, *, begun: int | None = None, total: int | None = None
) -> None:
    """Set Lightning's counters: `done` of this epoch or of all, `begun` those started already."""
    for name, value in (("current", done), ("total", done if total is None else total)):
        for key in progress[name]:
            is_start = key in ("ready", "started")
            progress[name][key] = begun if begun is not None and is_start else value
