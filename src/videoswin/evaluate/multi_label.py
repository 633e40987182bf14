"""Metrics of videos with several classes each, as pure functions. They know no files and no names.

Legend: N videos listed, K classes. A video that could not be read has no scores: it stays in every
denominator, is never correct, and its classes are never found.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videoswin.evaluate.metrics import wilson_interval


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MultiLabelMetrics:
    """What one evaluation measured. Shares are in [0, 1].

    top1: videos whose highest score is of one of their classes; top5: of which one is among the `top_k`
    highest. average_precision is (K,) float64, NaN for a class that no listed video has;
    mean_average_precision is over the others. listed_per_class is (K,) int64.
    """

    num_listed: int
    num_evaluated: int
    mean_average_precision: float
    average_precision: Tensor
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    top_k: int
    listed_per_class: Tensor


def measure_multi_label(scores: Tensor, labels: Tensor, is_read: Tensor) -> MultiLabelMetrics:
    """All metrics of N listed videos, at least 1.

    scores: (N, K), rows of unread videos are ignored; labels: (N, K) bool; is_read: (N,) bool.
    """
    num_listed, num_classes = scores.shape
    top_k = min(5, num_classes)
    order = scores.sort(dim=1, descending=True, stable=True).indices  # (N, K)
    is_own = labels.gather(1, order) & is_read[:, None]  # (N, K), highest score first
    num_correct = int(is_own[:, 0].sum())
    precision = average_precision(scores, labels, is_read)
    occurs = ~precision.isnan()
    return MultiLabelMetrics(
        num_listed=num_listed,
        num_evaluated=int(is_read.sum()),
        mean_average_precision=float(precision[occurs].mean()),
        average_precision=precision,
        top1=num_correct / num_listed,
        top1_interval=wilson_interval(num_correct, num_listed),
        top5=int(is_own[:, :top_k].any(dim=1).sum()) / num_listed,
        top_k=top_k,
        listed_per_class=labels.sum(dim=0),
    )


def average_precision(scores: Tensor, labels: Tensor, is_read: Tensor) -> Tensor:
    """The area under precision over recall of each class, without interpolation: (K,) float64.

    The mean, over the videos of a class, of the precision among all videos that score as high or higher.
    Videos of equal score are found together, so their order does not matter. An unread video of the class
    adds 0. NaN where no listed video has the class. Arguments as in `measure_multi_label`.
    """
    columns = []
    for column, is_own in zip(scores[is_read].T, labels[is_read].T, strict=True):  # (n,), (n,)
        own = column[is_own]
        num_found = _count_at_least(column, own)  # of all videos
        num_right = _count_at_least(own, own)
        columns.append((num_right.double() / num_found).sum())
    num_own = labels.sum(dim=0)  # (K,)
    return torch.stack(columns) / num_own  # 0 / 0 is NaN


def _count_at_least(values: Tensor, thresholds: Tensor) -> Tensor:
    """How many of `values` (n,) are as high as each threshold (m,) or higher: (m,) int64."""
    ascending = values.sort().values
    return len(values) - torch.searchsorted(ascending, thresholds.contiguous(), side="left")


def label_matrix(classes: list[tuple[int, ...]], *, num_classes: int) -> Tensor:
    """(N, K) bool: which classes each of N videos has."""
    matrix = torch.zeros(len(classes), num_classes, dtype=torch.bool)
    for row, own in enumerate(classes):
        matrix[row, list(own)] = True
    return matrix
