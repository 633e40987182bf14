from __future__ import annotations

import pytest
import torch

from videoswin.demo.motion import MOTIONS
from videoswin.demo.outcome import CHANCE, Outcome, measure_outcome

LABELS = list(MOTIONS)
BOUNCE, LEFT, RIGHT, ZOOM_IN = (
    LABELS.index(label) for label in ("bounce_across", "slide_left", "slide_right", "zoom_in")
)


def row(*shares: tuple[int, float]) -> list[float]:
    row = [0.0] * len(LABELS)
    for index, share in shares:
        row[index] = share
    return row


@pytest.mark.parametrize(
    ("rows", "true_classes", "expected"),
    [
        # all right
        ([row((LEFT, 1)), row((BOUNCE, 1))], [LEFT, BOUNCE], (1, 1, 1)),
        # a slide taken for its reverse; the bounce has none and does not count there
        ([row((RIGHT, 0.6), (LEFT, 0.4)), row((BOUNCE, 1))], [LEFT, BOUNCE], (0.5, 0, 0)),
        # a slide taken for a bounce, but still told from its reverse
        ([row((BOUNCE, 0.6), (LEFT, 0.3), (RIGHT, 0.1)), row((ZOOM_IN, 1))], [LEFT, ZOOM_IN], (0.5, 0.5, 1)),
        # equal probabilities are no choice
        ([row((RIGHT, 0.5), (LEFT, 0.5))], [RIGHT], (0, 0, 0)),
    ],
)
def test_measure_outcome(
    rows: list[list[float]], true_classes: list[int], expected: tuple[float, float, float]
) -> None:
    all_classes, ordered_classes, pair_choice = expected
    assert measure_outcome(torch.tensor(rows), torch.tensor(true_classes), LABELS) == Outcome(
        all_classes=all_classes, ordered_classes=ordered_classes, pair_choice=pair_choice
    )


def test_labels_may_come_in_any_order() -> None:
    turned = LABELS[::-1]
    rows = torch.eye(len(turned))
    outcome = measure_outcome(rows, torch.arange(len(turned)), turned)
    assert outcome == Outcome(all_classes=1, ordered_classes=1, pair_choice=1)


def test_chance() -> None:
    assert Outcome(all_classes=0.125, ordered_classes=0.125, pair_choice=0.5) == CHANCE
