"""A running mean of the weights (exponential moving average, Polyak and Juditsky 1992), of the model's own
sharding."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


class AverageWeights:
    """mean <- decay * mean + (1 - decay) * weights after each update, from the weights it is made with.

    0.999 averages about the last 1000 updates. Only parameters that learn are averaged; the others, and
    statistics such as BatchNorm's, are the model's. `exchange` puts the mean into the model and the weights
    aside, without a third copy, and back again.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.is_in_model = False
        self._model = model
        self._aside = {name: parameter.detach().clone() for name, parameter in _learning(model)}

    def update(self) -> None:
        """Take in the weights, which an update has just changed."""
        assert not self.is_in_model
        weights = [_local(parameter.detach()) for _, parameter in _learning(self._model)]
        torch._foreach_lerp_([_local(mean) for mean in self._aside.values()], weights, 1 - self.decay)

    def exchange(self) -> None:
        for name, parameter in _learning(self._model):
            weights, mean = _local(parameter.detach()), _local(self._aside[name])
            before = weights.clone()
            weights.copy_(mean)
            mean.copy_(before)
        self.is_in_model = not self.is_in_model

    def tensors(self) -> dict[str, Tensor]:
        """The mean by the parameters' names, itself, sharded as they are. Not while it is in the model."""
        assert not self.is_in_model
        return dict(self._aside)


def _learning(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
