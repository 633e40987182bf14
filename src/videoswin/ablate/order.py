"""How often the order of time is told: a class against the one that is like it played backwards."""

from __future__ import annotations

from collections.abc import Sequence

from videoswin.errors import ConfigError
from videoswin.evaluate import Report


def order_accuracy(report: Report, pairs: Sequence[tuple[str, str]]) -> float | None:
    """Share in [0, 1] of the videos labelled with one of a pair whose own label is given more probability
    than the other's; 0.5 is chance. An unread video counts as wrong. None without a video of a pair."""
    other_of = dict(pairs) | {second: first for first, second in pairs}
    is_told = [
        bool(shares[sample.label] > shares[report.labels.index(other_of[report.labels[sample.label]])])
        for sample, shares in zip(report.samples, report.probabilities, strict=True)
        if report.labels[sample.label] in other_of
    ]
    return sum(is_told) / len(is_told) if is_told else None


def require_labels(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> None:
    """Raise ConfigError for a pair with a label that the data does not have."""
    unknown = [label for pair in pairs for label in pair if label not in labels]
    if unknown:
        raise ConfigError(f"pairs name {unknown[0]!r}; allowed: labels of the data: {', '.join(labels)}")
