from __future__ import annotations

import pytest
import torch

from videoswin.train.scores import Sums, ranks_of_labels, share_of_predicted, sums_of

LOGITS = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("labels", "shares", "places"),
    [
        (torch.tensor([0, 0]), [1.0, 0.0], [0, 2]),
        (torch.tensor([[0.7, 0.3, 0.0], [0.75, 0.0, 0.25]]), [0.7, 0.25], [0, 0]),  # mixed
        (torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]), [0.0, 0.0], [1, 1]),  # several classes
    ],
)
def test_a_clip_counts_with_the_share_of_the_predicted_class(
    labels: torch.Tensor, shares: list[float], places: list[int]
) -> None:
    assert share_of_predicted(LOGITS, labels).tolist() == pytest.approx(shares)
    assert ranks_of_labels(LOGITS, labels).tolist() == places


def test_means_are_over_clips_and_bad_videos_are_never_right() -> None:
    sums = sums_of(torch.tensor([1.0, 3.0]), LOGITS, torch.tensor([0, 0]))
    sums.add(Sums(num_listed=2))
    assert sums == Sums(num_listed=4, num_read=2, loss=4.0, top1=1.0, top5=2.0)
    assert (sums.mean_loss, sums.mean_top1, sums.mean_top5) == (2.0, 0.25, 0.5)
    sums.add(Sums(num_listed=1, num_read=1, loss=5.0))
    assert (sums.mean_loss, sums.mean_top1) == (3.0, 0.2)
    assert Sums(**sums.as_counters()) == sums.over_ranks() == sums
    assert (Sums().mean_loss, Sums().mean_top1, Sums().mean_top5) == (0, 0, 0)
