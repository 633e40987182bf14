"""The mean average precision of a validation, which needs the scores of all its videos at once.

B videos of a batch, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from videoswin import ranks
from videoswin.evaluate.multi_label import label_matrix, measure_multi_label


class AllScores:
    """Collects what one process validates."""

    def __init__(self) -> None:
        self._probabilities: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._unread: list[tuple[int, ...]] = []

    def add(self, probabilities: Tensor, labels: Tensor) -> None:
        """(B, K) float32 and (B, K) bool, on the CPU."""
        self._probabilities.append(probabilities)
        self._labels.append(labels)

    def add_unread(self, labels: tuple[int, ...]) -> None:
        """A video that could not be read: its classes are not found."""
        self._unread.append(labels)

    def mean_average_precision(self) -> float:
        """Over all processes, which must all ask. 0 if nothing could be read.

        As `videoswin evaluate` measures it; the order of the videos does not matter.
        """
        parts = ranks.gather((self._probabilities, self._labels, self._unread))
        probabilities = [tensor for part in parts for tensor in part[0]]
        if not probabilities:
            return 0.0
        scores = torch.cat(probabilities)  # (N, K)
        num_classes = scores.shape[1]
        unread = label_matrix([labels for part in parts for labels in part[2]], num_classes=num_classes)
        labels = torch.cat([*(tensor for part in parts for tensor in part[1]), unread])
        is_read = torch.arange(len(labels)) < len(scores)
        scores = torch.cat([scores, torch.zeros(unread.shape)])
        return measure_multi_label(scores, labels, is_read).mean_average_precision
