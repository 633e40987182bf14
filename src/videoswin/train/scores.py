"""Sums over clips: what a training epoch or a validation has measured so far, over all processes.

Kept here and not by Lightning, because those of a training epoch must survive a stop in its middle. All are
float64: the order in which processes add changes nothing that anyone prints.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor

from videoswin import ranks
from videoswin.evaluate.metrics import label_ranks


@dataclass(kw_only=True)
class Sums:
    """Sums over clips. num_listed counts also videos that could not be read, which are never right."""

    num_listed: float = 0.0
    num_read: float = 0.0
    loss: float = 0.0
    top1: float = 0.0
    top5: float = 0.0

    def add(self, other: Sums) -> None:
        for field in fields(Sums):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def over_ranks(self) -> Sums:
        """The sum over all processes, which must all ask."""
        names = [field.name for field in fields(Sums)]
        totals = ranks.total([getattr(self, name) for name in names])
        return Sums(**dict(zip(names, totals, strict=True)))

    def as_counters(self) -> dict[str, float]:
        return asdict(self)

    @property
    def mean_loss(self) -> float:
        """Of the clips that could be read, 0 without any."""
        return self.loss / max(self.num_read, 1.0)

    @property
    def mean_top1(self) -> float:
        return self.top1 / max(self.num_listed, 1.0)

    @property
    def mean_top5(self) -> float:
        return self.top5 / max(self.num_listed, 1.0)


def share_of_predicted(logits: Tensor, labels: Tensor) -> Tensor:
    """The share of the highest class in each clip's label: 1 right, 0 wrong, between them for mixed clips.

    logits (N, K); labels (N,) int64 or (N, K) shares, of multi-label clips 0 and 1 -> (N,) float32.
    """
    predicted = logits.argmax(dim=1)  # (N,)
    if labels.ndim == 1:
        return (predicted == labels).float()
    return labels.gather(1, predicted[:, None])[:, 0].float()


def ranks_of_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """How many classes are ranked before the true one, of several true ones before the first.

    logits (N, K); labels (N,) int64, or (N, K) where a true class is above 0 -> (N,) int64.
    """
    if labels.ndim == 1:
        return label_ranks(logits, labels)
    order = logits.sort(dim=1, descending=True, stable=True).indices  # (N, K)
    return (labels > 0).gather(1, order).int().argmax(dim=1)


def sums_of(losses: Tensor, logits: Tensor, labels: Tensor) -> Sums:
    """Of clips that could be read: losses (N,), logits (N, K), labels (N,) or (N, K)."""
    places = ranks_of_labels(logits, labels)
    numbers = torch.stack([losses.double().sum(), (places < 1).sum(), (places < 5).sum()]).tolist()
    loss, top1, top5 = numbers
    return Sums(num_listed=len(losses), num_read=len(losses), loss=loss, top1=top1, top5=top5)
