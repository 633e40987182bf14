"""Accuracy of class probabilities, as pure functions. They know no files, no model and no labels' names.

Legend: N videos listed, K classes. A video that could not be read has no prediction: it stays in every
denominator and is never correct. Classes of equal probability are ranked by index, lowest first, so results
do not depend on the machine's sorting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

NORMAL_QUANTILE_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Metrics:
    """What one evaluation measured. Shares are in [0, 1].

    top_k is 5, or K when there are fewer classes. confusion is (K, K) int64, row = true class, column =
    predicted class; it counts the videos that could be read. listed_per_class is (K,) int64 and counts all.
    """

    num_listed: int
    num_evaluated: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    top_k: int
    mean_class_accuracy: float
    confusion: Tensor
    listed_per_class: Tensor


def measure(probabilities: Tensor, labels: Tensor, is_read: Tensor) -> Metrics:
    """All metrics of N listed videos, at least 1.

    probabilities: (N, K), rows of unread videos are ignored; labels: (N,) int64 in [0, K); is_read: (N,)
    bool.
    """
    num_listed, num_classes = probabilities.shape
    ranks = label_ranks(probabilities, labels)[is_read]
    num_correct = int((ranks == 0).sum())
    top_k = min(5, num_classes)
    predicted = predicted_classes(probabilities[is_read])
    confusion = confusion_matrix(predicted, labels[is_read], num_classes=num_classes)
    listed_per_class = labels.bincount(minlength=num_classes)
    return Metrics(
        num_listed=num_listed,
        num_evaluated=len(ranks),
        top1=num_correct / num_listed,
        top1_interval=wilson_interval(num_correct, num_listed),
        top5=int((ranks < top_k).sum()) / num_listed,
        top_k=top_k,
        mean_class_accuracy=mean_class_accuracy(confusion, listed_per_class),
        confusion=confusion,
        listed_per_class=listed_per_class,
    )


def label_ranks(probabilities: Tensor, labels: Tensor) -> Tensor:
    """How many classes are ranked before the true one: 0 is a correct top-1. (N, K), (N,) -> (N,) int64."""
    order = probabilities.sort(dim=1, descending=True, stable=True).indices  # (N, K)
    return (order == labels[:, None]).int().argmax(dim=1)  # (N,)


def predicted_classes(probabilities: Tensor) -> Tensor:
    """The class of rank 0. (N, K) -> (N,) int64."""
    return probabilities.argmax(dim=1)  # the first of equal maxima


def confusion_matrix(predicted: Tensor, labels: Tensor, *, num_classes: int) -> Tensor:
    """Counts (K, K) int64: row = true class, column = predicted class. predicted, labels: (N,) int64."""
    cells = labels * num_classes + predicted
    return cells.bincount(minlength=num_classes**2).view(num_classes, num_classes)


def mean_class_accuracy(confusion: Tensor, listed_per_class: Tensor) -> float:
    """Mean of the classes' accuracies, as the official code averages (mmaction/core/evaluation/accuracy.py).

    The mean is over classes that occur in the labels *or* in the predictions; a class that is only predicted
    counts as 0. When every predicted class is also listed, it is the usual mean over the listed classes.
    """
    occurs = (listed_per_class > 0) | (confusion.sum(dim=0) > 0)  # (K,)
    accuracies = confusion.diagonal().double() / listed_per_class.clamp(min=1)  # (K,)
    return float(accuracies[occurs].mean())


def wilson_interval(num_correct: int, num_total: int) -> tuple[float, float]:
    """95 % score interval (Wilson 1927) of the share num_correct / num_total: honest for small tests, too."""
    z = NORMAL_QUANTILE_95
    share = num_correct / num_total
    scale = 1 + z**2 / num_total
    center = (share + z**2 / (2 * num_total)) / scale
    half_width = z / scale * math.sqrt(share * (1 - share) / num_total + z**2 / (4 * num_total**2))
    # At the ends the formula gives exactly 0 and 1, up to rounding.
    low = center - half_width if num_correct > 0 else 0.0
    high = center + half_width if num_correct < num_total else 1.0
    return low, high
