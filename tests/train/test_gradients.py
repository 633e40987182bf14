from __future__ import annotations

import math

import pytest
import torch

from videoswin.train import gradients


def test_the_norm_is_of_all_together() -> None:
    assert gradients.norm([torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])]) == pytest.approx(5.0)
    assert gradients.norm([]) == 0
    assert math.isnan(gradients.norm([torch.tensor([1.0]), torch.tensor([math.nan])]))
    assert gradients.norm([torch.tensor([math.inf])]) == math.inf


@pytest.mark.parametrize(("highest", "expected"), [(10.0, [3.0, 4.0]), (2.5, [1.5, 2.0])])
def test_only_a_larger_norm_is_limited(highest: float, expected: list[float]) -> None:
    found = [torch.tensor([3.0]), torch.tensor([4.0])]
    gradients.limit(found, total=5.0, highest=highest)
    assert [float(gradient) for gradient in found] == expected


def test_gradients_of_parameters_without_one_are_left_out() -> None:
    one, other = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    one.grad = torch.full((1,), 2.0)
    found = gradients.gradients_of([one, other])
    gradients.scale(found, 3.0)
    assert len(found) == 1
    assert float(one.grad) == 6.0
