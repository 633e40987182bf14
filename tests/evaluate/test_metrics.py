"""Metrics against numbers worked out by hand, against torchmetrics, and their properties."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

from videoswin.evaluate.metrics import (
    confusion_matrix,
    label_ranks,
    mean_class_accuracy,
    measure,
    predicted_classes,
    wilson_interval,
)

# Four classes, six videos; the last one could not be read.
PROBABILITIES = torch.tensor(
    [
        [0.7, 0.1, 0.1, 0.1],  # class 0, correct
        [0.2, 0.5, 0.2, 0.1],  # class 0, predicted 1, class 0 second
        [0.1, 0.6, 0.2, 0.1],  # class 1, correct
        [0.4, 0.3, 0.2, 0.1],  # class 2, predicted 0, class 2 third
        [0.1, 0.1, 0.1, 0.7],  # class 2, predicted 3
        [0.0, 0.0, 0.0, 0.0],  # class 1, not read
    ]
)
LABELS = torch.tensor([0, 0, 1, 2, 2, 1])
IS_READ = torch.tensor([True, True, True, True, True, False])


def test_measure_by_hand() -> None:
    metrics = measure(PROBABILITIES, LABELS, IS_READ)
    assert (metrics.num_listed, metrics.num_evaluated) == (6, 5)
    assert metrics.top1 == 2 / 6  # the unread video stays in the denominator
    assert (metrics.top5, metrics.top_k) == (5 / 6, 4)  # four classes: any read video is in the top 4
    assert metrics.confusion.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert metrics.listed_per_class.tolist() == [2, 2, 2, 0]
    # classes 0, 1, 2: 1/2, 1/2 (one of two was not read), 0; class 3 is only predicted and counts as 0
    assert metrics.mean_class_accuracy == pytest.approx((0.5 + 0.5 + 0 + 0) / 4, abs=1e-15)


def test_measure_counts_top5_among_many_classes() -> None:
    probabilities = torch.tensor([[0.4, 0.3, 0.12, 0.1, 0.05, 0.03]]).expand(6, 6)
    metrics = measure(probabilities, torch.arange(6), torch.ones(6, dtype=torch.bool))
    assert (metrics.top1, metrics.top5, metrics.top_k) == (1 / 6, 5 / 6, 5)


def test_measure_when_no_video_was_read() -> None:
    metrics = measure(torch.zeros(2, 3), torch.tensor([0, 2]), torch.zeros(2, dtype=torch.bool))
    assert (metrics.num_evaluated, metrics.top1, metrics.top5, metrics.mean_class_accuracy) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("row", "label", "rank"),
    [
        ([0.2, 0.5, 0.3], 1, 0),
        ([0.2, 0.5, 0.3], 2, 1),
        ([0.2, 0.5, 0.3], 0, 2),
        ([0.4, 0.4, 0.2], 0, 0),  # equal: the lower index first
        ([0.4, 0.4, 0.2], 1, 1),
        ([0.2, 0.4, 0.4], 2, 1),
    ],
)
def test_label_ranks(row: list[float], label: int, rank: int) -> None:
    assert label_ranks(torch.tensor([row]), torch.tensor([label])).tolist() == [rank]


def test_predicted_class_has_rank_0_also_among_equals() -> None:
    probabilities = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.1, 0.4, 0.1, 0.4]])
    predicted = predicted_classes(probabilities)
    assert predicted.tolist() == [0, 1]
    assert label_ranks(probabilities, predicted).tolist() == [0, 0]


def test_confusion_matrix_rows_are_true_classes() -> None:
    matrix = confusion_matrix(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 2]), num_classes=3)
    assert matrix.tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("confusion", "listed", "expected"),
    [
        ([[3, 1], [0, 4]], [4, 4], (0.75 + 1.0) / 2),
        ([[3, 1, 0], [0, 4, 0], [0, 0, 0]], [4, 4, 0], (0.75 + 1.0) / 2),  # a class nobody lists or predicts
        ([[2, 1, 1], [0, 4, 0], [0, 0, 0]], [4, 4, 0], (0.5 + 1.0 + 0.0) / 3),  # a class only predicted
        ([[3, 0], [0, 0]], [3, 2], (1.0 + 0.0) / 2),  # a class whose videos were not read
    ],
)
def test_mean_class_accuracy(confusion: list[list[int]], listed: list[int], expected: float) -> None:
    assert mean_class_accuracy(torch.tensor(confusion), torch.tensor(listed)) == pytest.approx(
        expected, abs=1e-15
    )


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0000),
    ],
)
def test_wilson_interval(correct: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_equal_to_torchmetrics() -> None:
    random = torch.Generator().manual_seed(0)
    probabilities = torch.rand(200, 12, generator=random).softmax(dim=1)
    labels = torch.randint(0, 9, (200,), generator=random)  # classes 9, 10, 11 are only predicted
    metrics = measure(probabilities, labels, torch.ones(200, dtype=torch.bool))

    def accuracy(average: str, top_k: int) -> float:
        return float(multiclass_accuracy(probabilities, labels, num_classes=12, average=average, top_k=top_k))

    assert metrics.top1 == pytest.approx(accuracy("micro", 1), abs=1e-6)
    assert metrics.top5 == pytest.approx(accuracy("micro", 5), abs=1e-6)
    assert metrics.mean_class_accuracy == pytest.approx(accuracy("macro", 1), abs=1e-6)
    assert torch.equal(metrics.confusion, multiclass_confusion_matrix(probabilities, labels, num_classes=12))


@st.composite
def evaluations(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(probabilities, labels, is_read, a permutation of the videos), with equal probabilities among them."""
    num_videos, num_classes = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    scores = torch.randint(0, 4, (num_videos, num_classes), generator=random).float()
    labels = torch.randint(0, num_classes, (num_videos,), generator=random)
    is_read = torch.rand(num_videos, generator=random) < 0.8
    return scores.softmax(dim=1), labels, is_read, torch.randperm(num_videos, generator=random)


@given(evaluations())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_videos_does_not_matter(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    probabilities, labels, is_read, order = case
    one = measure(probabilities, labels, is_read)
    other = measure(probabilities[order], labels[order], is_read[order])
    for name in ("num_evaluated", "top1", "top1_interval", "top5", "mean_class_accuracy"):
        assert getattr(one, name) == getattr(other, name), name
    assert torch.equal(one.confusion, other.confusion)


@given(evaluations())
@settings(max_examples=60, deadline=None)
def test_relations_between_the_numbers(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    metrics = measure(*case[:3])
    low, high = metrics.top1_interval
    assert 0 <= low <= metrics.top1 <= high <= 1
    assert metrics.top1 <= metrics.top5 <= metrics.num_evaluated / metrics.num_listed
    assert int(metrics.confusion.sum()) == metrics.num_evaluated
    assert int(metrics.confusion.diagonal().sum()) == round(metrics.top1 * metrics.num_listed)
    assert bool((metrics.confusion.sum(dim=1) <= metrics.listed_per_class).all())
