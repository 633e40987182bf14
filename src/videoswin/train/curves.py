"""The course of a run as numbers and as one picture, from its metrics.csv."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from videoswin.storage import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One logged quantity: values[i] was logged with update number steps[i], from 0."""

    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """The course of a run. Losses are nats, accuracies in [0, 1]. A quantity that was not logged is empty."""

    train_loss: Series
    """Of single batches."""
    train_loss_epoch: Series
    """Mean over each epoch."""
    train_top1_epoch: Series
    """Of augmented clips, while the weights change. A mixed clip counts as the share of the class found."""
    learning_rate: Series
    """Of the head."""
    val_loss: Series
    val_top1: Series
    val_top5: Series
    val_map: Series
    """Where videos have several classes."""


def read_curves(path: Path) -> Curves:
    """The curves of the run that wrote `path` (metrics.csv). A line without an end is not read."""
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    rows = list(csv.DictReader(whole.splitlines()))
    return Curves(
        train_loss=_series(rows, "train/loss_step"),
        train_loss_epoch=_series(rows, "train/loss_epoch"),
        train_top1_epoch=_series(rows, "train/top1_epoch"),
        learning_rate=_series(rows, "learning_rate"),
        val_loss=_series(rows, "val/loss"),
        val_top1=_series(rows, "val/top1"),
        val_top5=_series(rows, "val/top5"),
        val_map=_series(rows, "val/map"),
    )


def _series(rows: list[dict[str, str]], column: str) -> Series:
    """A cell is empty where its quantity was not logged in that row."""
    found = [row for row in rows if row.get(column)]
    return Series(
        steps=tuple(int(row["step"]) for row in found), values=tuple(float(row[column]) for row in found)
    )


def draw_curves(curves: Curves, path: Path) -> None:
    """Write one PNG: loss, learning rate, accuracy, over the updates of the run. Raises StorageError."""
    write_atomically(path, curves_png(curves))


def curves_png(curves: Curves) -> bytes:
    """The picture itself. The same curves give the same bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.2), layout="constrained")
    loss, rate, accuracy = figure.subplots(1, 3)
    _plot(loss, curves.train_loss, "training, one batch", color="tab:blue", alpha=0.3)
    _plot(loss, curves.train_loss_epoch, "training, epoch", color="tab:blue", marker="o")
    _plot(loss, curves.val_loss, "validation", color="tab:orange", marker="o")
    _plot(rate, curves.learning_rate, "head", color="tab:green")
    _plot(accuracy, curves.train_top1_epoch, "training, top-1", color="tab:gray", marker="o")
    _plot(accuracy, curves.val_top1, "validation, top-1", color="tab:blue", marker="o")
    _plot(accuracy, curves.val_top5, "validation, top-5", color="tab:orange", marker="o")
    if curves.val_map.steps:
        _plot(accuracy, curves.val_map, "validation, mAP", color="tab:purple", marker="o")
    accuracy.set_ylim(-0.02, 1.02)
    for axes, title in ((loss, "loss"), (rate, "learning rate"), (accuracy, "accuracy")):
        axes.set_title(title)
        axes.set_xlabel("updates")
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
        axes.legend()
    png = io.BytesIO()
    no_version = {"Software": None}  # the version of matplotlib would change the bytes
    figure.savefig(png, format="png", dpi=120, metadata=no_version)
    return png.getvalue()


def _plot(
    axes: Axes, series: Series, label: str, *, color: str, marker: str | None = None, alpha: float = 1.0
) -> None:
    axes.plot(series.steps, series.values, label=label, color=color, marker=marker, markersize=4, alpha=alpha)
