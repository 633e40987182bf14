"""Average precision against values worked out by hand, against torchmetrics, and its properties."""

from __future__ import annotations

import math

import pytest
import torch
from torchmetrics.functional.classification import multilabel_average_precision

from videoswin.evaluate.multi_label import average_precision, label_matrix, measure_multi_label


@pytest.mark.parametrize(
    ("scores", "labels", "is_read", "expected"),
    [
        # own videos at ranks 1 and 3: (1/1 + 2/3) / 2
        ([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0], [1, 1, 1, 1], 5 / 6),
        ([0.9, 0.8, 0.7, 0.1], [1, 1, 0, 0], [1, 1, 1, 1], 1.0),
        ([0.9, 0.8, 0.7, 0.1], [0, 0, 0, 1], [1, 1, 1, 1], 1 / 4),
        # three of equal score are found together, two of them own: 2/3 for each
        ([0.5, 0.5, 0.5, 0.1], [1, 0, 1, 0], [1, 1, 1, 1], 2 / 3),
        # the third was not read: it is of the class and never found; (1/1 + 0) / 2
        ([0.9, 0.8, 1.0, 0.1], [1, 0, 1, 0], [1, 1, 0, 1], 1 / 2),
        # the second, of another class, was not read: it is in nobody's way
        ([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0], [1, 0, 1, 1], 1.0),
        ([0.9, 0.8, 0.7, 0.1], [0, 0, 0, 0], [1, 1, 1, 1], math.nan),
        ([0.9, 0.8, 0.7, 0.1], [1, 1, 0, 0], [0, 0, 1, 1], 0.0),
    ],
)
def test_average_precision_by_hand(
    scores: list[float], labels: list[int], is_read: list[int], expected: float
) -> None:
    found = average_precision(
        torch.tensor(scores)[:, None], torch.tensor(labels).bool()[:, None], torch.tensor(is_read).bool()
    )
    assert found.tolist() == pytest.approx([expected], abs=1e-15, nan_ok=True)


def test_measure_by_hand() -> None:
    scores = torch.tensor([[0.9, 0.2, 0.1], [0.3, 0.8, 0.7], [0.6, 0.5, 0.4], [0.0, 0.0, 0.0]])
    labels = label_matrix([(0, 1), (2,), (1,), (0,)], num_classes=3)
    metrics = measure_multi_label(scores, labels, torch.tensor([True, True, True, False]))
    # class 0: own are 0.9 (rank 1 of 3) and an unread one; class 1: ranks 2 and 3; class 2: rank 1
    expected = [1 / 2, (1 / 2 + 2 / 3) / 2, 1.0]
    assert metrics.average_precision.tolist() == pytest.approx(expected, abs=1e-15)
    assert metrics.mean_average_precision == pytest.approx(sum(expected) / 3, abs=1e-15)
    assert (metrics.num_listed, metrics.num_evaluated) == (4, 3)
    assert (metrics.top1, metrics.top5, metrics.top_k) == (1 / 4, 3 / 4, 3)
    assert metrics.listed_per_class.tolist() == [2, 2, 1]


def test_classes_that_nobody_has_are_left_out_of_the_mean() -> None:
    scores = torch.tensor([[0.9, 0.2], [0.3, 0.8]])
    metrics = measure_multi_label(
        scores, label_matrix([(0,), (0,)], num_classes=2), torch.ones(2, dtype=torch.bool)
    )
    assert metrics.mean_average_precision == 1.0
    assert math.isnan(metrics.average_precision[1])


def test_equal_to_torchmetrics() -> None:
    random = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 50, (200, 12), generator=random) / 50  # many ties
    labels = torch.rand(200, 12, generator=random) < 0.2
    ours = average_precision(scores, labels, torch.ones(200, dtype=torch.bool))
    theirs = multilabel_average_precision(scores, labels.long(), num_labels=12, average=None)
    torch.testing.assert_close(ours.float(), theirs, atol=1e-6, rtol=0)


def test_the_order_of_the_videos_does_not_matter() -> None:
    random = torch.Generator().manual_seed(1)
    scores = torch.randint(0, 4, (30, 5), generator=random) / 4
    labels = torch.rand(30, 5, generator=random) < 0.3
    is_read = torch.rand(30, generator=random) < 0.8
    order = torch.randperm(30, generator=random)
    one, other = (
        measure_multi_label(scores, labels, is_read),
        measure_multi_label(scores[order], labels[order], is_read[order]),
    )
    torch.testing.assert_close(one.average_precision, other.average_precision, atol=1e-15, rtol=0)
    assert (one.top1, one.top5) == (other.top1, other.top5)
