"""How often the order of time is told: a class against the one that is like it played backwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from videoswin.errors import ConfigError


def order_accuracy(
    predictions: Path, labels: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> float | None:
    """Share in [0, 1] of the videos labelled with one of a pair whose own label is given more probability
    than the other's; 0.5 is chance. An unread video counts as wrong. None without pairs.

    predictions: predictions.jsonl of an evaluation. labels: class names in the order of its probabilities.
    """
    if not pairs:
        return None
    other = dict(pairs) | {second: first for first, second in pairs}
    rows = [json.loads(line) for line in predictions.read_text().splitlines()]
    paired = [row for row in rows if row["label"] in other]
    if not paired:
        return None
    return sum(_is_told(row, other[row["label"]], labels) for row in paired) / len(paired)


def require_labels(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> None:
    """Raise ConfigError for a pair with a label that the data does not have."""
    unknown = [label for pair in pairs for label in pair if label not in labels]
    if unknown:
        raise ConfigError(f"pairs name {unknown[0]!r}; allowed: labels of the data: {', '.join(labels)}")


def _is_told(row: dict[str, list[float]], other: str, labels: Sequence[str]) -> bool:
    shares = row["probabilities"]
    return shares is not None and shares[labels.index(str(row["label"]))] > shares[labels.index(other)]
