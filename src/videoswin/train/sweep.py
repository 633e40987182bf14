"""The learning rate finder: train with a rate that rises from update to update, look where the loss falls
fastest (Smith 2017, arXiv 1506.01186; the proposal is fastai's and Lightning's)."""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from videoswin.data.dataset import Batch
from videoswin.storage import write_atomically

logger = logging.getLogger(__name__)

LOWEST, HIGHEST = 1e-7, 1.0
NUM_UPDATES = 100
SMOOTHING = 0.9
"""Decay of the running mean of the loss."""
DIVERGED = 4.0
"""The sweep ends where the smoothed loss is so many times the best."""
NUM_UNSTEADY = 10
"""Updates at the start that propose nothing: their mean is of too few."""


def rate_at(update: int) -> float:
    """The learning rate of update `update`, from 0: LOWEST, then in equal ratios up to HIGHEST."""
    return LOWEST * math.pow(HIGHEST / LOWEST, update / (NUM_UPDATES - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """rates[i] gave losses[i], the mean over the clips of update i, in nats."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def smoothed(self) -> tuple[float, ...]:
        """Running mean without the pull of its start."""
        mean, smoothed = 0.0, []
        for number, loss in enumerate(self.losses, start=1):
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            smoothed.append(mean / (1 - SMOOTHING**number))
        return tuple(smoothed)

    @property
    def proposal(self) -> float | None:
        """The rate at which the smoothed loss falls fastest over the logarithm of the rate; None where it
        falls nowhere."""
        smoothed = np.asarray(self.smoothed)[NUM_UNSTEADY:]
        if len(smoothed) < 3:
            return None
        slopes = np.gradient(smoothed)
        steepest = int(slopes.argmin())
        return self.rates[NUM_UNSTEADY + steepest] if slopes[steepest] < 0 else None


class RecordSweep(Callback):
    """Collects the loss of each update and ends the sweep where it diverges."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_step == len(self.losses) or "train/loss_step" not in trainer.callback_metrics:
            return  # only accumulated, or nothing could be read so far
        loss = float(trainer.callback_metrics["train/loss_step"])
        if not math.isfinite(loss):
            trainer.should_stop = True
            return
        self.losses += [loss] * (trainer.global_step - len(self.losses))
        smoothed = self.sweep.smoothed
        if smoothed[-1] > DIVERGED * min(smoothed):
            trainer.should_stop = True

    @property
    def sweep(self) -> Sweep:
        rates = tuple(rate_at(update) for update in range(len(self.losses)))
        return Sweep(rates=rates, losses=tuple(self.losses))


def write_sweep(sweep: Sweep, folder: Path) -> None:
    """lr_finder.csv and lr_finder.png. Raises StorageError."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["learning_rate", "loss", "smoothed_loss"])
    writer.writerows(zip(sweep.rates, sweep.losses, sweep.smoothed, strict=True))
    write_atomically(folder / "lr_finder.csv", text.getvalue().encode())
    write_atomically(folder / "lr_finder.png", _picture(sweep.rates, sweep.losses, sweep))


def _picture(rates: Sequence[float], losses: Sequence[float], sweep: Sweep) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses, color="0.8", label="of each update")
    axes.plot(rates, sweep.smoothed, label="smoothed")
    if sweep.proposal is not None:
        axes.axvline(sweep.proposal, color="tab:red", label=f"proposal {sweep.proposal:.1e}")
    axes.set(xscale="log", xlabel="learning rate of the head", ylabel="training loss (nats)")
    axes.legend()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()


def say_proposal(sweep: Sweep, folder: Path) -> None:
    """One line for people."""
    where = folder / "lr_finder.png"
    if sweep.proposal is None:
        logger.info(f"no proposal: the loss falls nowhere between {LOWEST:g} and {HIGHEST:g}; see {where}")
    else:
        logger.info(f"proposal: --optimizer.learning_rate {sweep.proposal:.1e}; see {where}")
