"""Early stopping: a run that no longer gets better ends before its last epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from lightning.pytorch import Callback, LightningModule, Trainer

logger = logging.getLogger(__name__)


class Patience(Callback):
    """Stops after `patience` validations in a row whose `metric` (such as val/top1) is no higher than the
    best so far. All processes know the same number, so they stop together."""

    def __init__(self, *, metric: str, patience: int) -> None:
        self.metric = metric
        self.patience = patience
        self.best: float | None = None
        self.num_worse = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        value = float(trainer.callback_metrics[self.metric])
        if self.best is None or value > self.best:
            self.best, self.num_worse = value, 0
            return
        self.num_worse += 1
        if self.num_worse >= self.patience:
            trainer.should_stop = True
            logger.info(
                f"stopping after epoch {trainer.current_epoch + 1}: {self.num_worse} validations in a row "
                f"without a better {self.metric} than {self.best:.1%} (patience {self.patience})"
            )

    def state_dict(self) -> dict[str, float | int | None]:
        return {"best": self.best, "num_worse": self.num_worse}

    def load_state_dict(self, state_dict: Mapping[str, float | int | None]) -> None:
        self.best = state_dict["best"]
        self.num_worse = int(state_dict["num_worse"] or 0)
