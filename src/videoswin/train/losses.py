"""The losses that training knows. One number a clip; means and weights of batches are the module's.

N clips, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from videoswin.data.annotations import Sample


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OneClass:
    """Cross entropy in nats: logits (N, K), labels (N,) int64 or shares (N, K) -> (N,)."""

    label_smoothing: float = 0.0
    """s spreads s / K over all classes and leaves 1 - s of what a clip had."""
    weights: Tensor | None = None
    """(K,) factor of each class's part."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = None if self.weights is None else self.weights.to(logits.device)
        return cross_entropy(
            logits, labels, weight=weights, label_smoothing=self.label_smoothing, reduction="none"
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeveralClasses:
    """Binary cross entropy, the mean over the classes: logits (N, K), labels (N, K) in [0, 1] -> (N,)."""

    weights: Tensor | None = None
    """(K,) factor of a class's part where it is true."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = None if self.weights is None else self.weights.to(logits.device)
        losses = binary_cross_entropy_with_logits(logits, labels, pos_weight=weights, reduction="none")
        return losses.mean(dim=1)


Loss = OneClass | SeveralClasses


def balanced_weights(samples: Sequence[Sample], *, num_classes: int, is_multi_label: bool) -> Tensor:
    """(K,) float32. n videos, n_k of class k: n / (K n_k), so that every class weighs as much and the mean
    over the videos is 1; multi-label (n - n_k) / n_k, so that true and false weigh as much in each class.

    A class without a training video, or that every video has, gets 1.
    """
    counts = [0] * num_classes
    for sample in samples:
        for label in (sample.labels or (sample.label,)) if is_multi_label else (sample.label,):
            counts[label] += 1
    n = len(samples)
    if is_multi_label:
        weights = [(n - count) / count if 0 < count < n else 1.0 for count in counts]
    else:
        weights = [n / (num_classes * count) if count else 1.0 for count in counts]
    return torch.tensor(weights, dtype=torch.float32)
