from __future__ import annotations

from pathlib import Path

import pytest
import torch

from videoswin.data.annotations import Sample
from videoswin.train.losses import OneClass, SeveralClasses, balanced_weights


def samples_of(*classes: tuple[int, ...]) -> list[Sample]:
    return [Sample(path="v.mp4", file=Path("v.mp4"), label=own[0], labels=own) for own in classes]


@pytest.mark.parametrize(
    ("classes", "is_multi_label", "expected"),
    [
        (((0,), (0,), (0,), (1,)), False, [4 / 6, 2.0]),
        (((0,), (1,)), False, [1.0, 1.0]),
        (((0,), (0,)), False, [0.5, 1.0]),  # nobody has class 1
        (((0, 1), (0,), (1,), (1,)), True, [1.0, 1 / 3]),  # of 4 videos 2 have class 0, 3 class 1
        (((0, 1), (0,)), True, [1.0, 1.0]),  # every video has class 0
    ],
)
def test_balanced_weights(
    classes: tuple[tuple[int, ...], ...], is_multi_label: bool, expected: list[float]
) -> None:
    weights = balanced_weights(samples_of(*classes), num_classes=2, is_multi_label=is_multi_label)
    assert weights.tolist() == pytest.approx(expected)


def test_the_mean_weight_of_a_video_is_1() -> None:
    weights = balanced_weights(samples_of((0,), (0,), (0,), (1,)), num_classes=2, is_multi_label=False)
    assert float(3 * weights[0] + weights[1]) / 4 == pytest.approx(1)


def test_a_weight_multiplies_the_loss_of_its_class() -> None:
    logits, labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    plain = OneClass()(logits, labels)
    weighted = OneClass(weights=torch.tensor([0.5, 3.0]))(logits, labels)
    torch.testing.assert_close(weighted, plain * torch.tensor([0.5, 3.0]))
    torch.testing.assert_close(OneClass(weights=torch.tensor([0.5, 3.0]))(logits, torch.eye(2)), weighted)


def test_several_classes_lose_by_each_class() -> None:
    logits, labels = torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    of_each = [-torch.tensor(p).log() for p in (0.880797, 1 - 0.268941, 0.5)]
    torch.testing.assert_close(SeveralClasses()(logits, labels), sum(of_each)[None] / 3)
    weights = torch.tensor([2.0, 5.0, 1.0])  # the second is false: 5 changes nothing
    expected = (2 * of_each[0] + of_each[1] + of_each[2])[None] / 3
    torch.testing.assert_close(SeveralClasses(weights=weights)(logits, labels), expected)
