from __future__ import annotations

import torch
from torch import nn

from videoswin.train.ema import AverageWeights


def of(model: nn.Linear) -> float:
    return float(model.weight.detach())


def linear(weight: float) -> nn.Linear:
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(weight)
    return model


def test_the_mean_follows_the_weights_by_its_decay() -> None:
    model = linear(1.0)
    ema = AverageWeights(model, decay=0.75)
    means = []
    for weight in (2.0, 2.0, 0.0):
        with torch.no_grad():
            model.weight.fill_(weight)
        ema.update()
        means.append(float(ema.tensors()["weight"]))
    assert means == [1.25, 1.4375, 1.078125]  # 0.75 * mean + 0.25 * weight


def test_exchange_puts_the_mean_into_the_model_and_the_weights_back() -> None:
    model = linear(1.0)
    ema = AverageWeights(model, decay=0.5)
    with torch.no_grad():
        model.weight.fill_(3.0)
    ema.update()
    parameter = model.weight
    ema.exchange()
    assert (of(model), ema.is_in_model) == (2.0, True)
    assert model.weight is parameter  # the optimizer knows it
    ema.exchange()
    assert (of(model), float(ema.tensors()["weight"]), ema.is_in_model) == (3.0, 2.0, False)


def test_frozen_parameters_are_not_averaged() -> None:
    model = linear(1.0)
    model.bias.requires_grad_(False)
    assert AverageWeights(model, decay=0.5).tensors().keys() == {"weight"}
