"""The gradient of one update: its mean, its norm, its limit. Sharded ones (FSDP2) are understood."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def gradients_of(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def scale(gradients: Sequence[Tensor], factor: float) -> None:
    """Multiply in place."""
    if gradients and factor != 1:
        torch._foreach_mul_(_local(gradients), factor)


def norm(gradients: Sequence[Tensor]) -> float:
    """Euclidean norm of all together, 0 of none. NaN or infinite if any number is.

    Of sharded gradients over all processes, which must all ask.
    """
    sharded = [gradient for gradient in gradients if isinstance(gradient, DTensor)]
    whole = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
    norms = []
    for part in (sharded, whole):
        if part:
            total = torch.nn.utils.get_total_norm(part)
            norms.append(float(total.full_tensor() if isinstance(total, DTensor) else total))
    return norms[0] if len(norms) == 1 else math.hypot(*norms)


def limit(gradients: Sequence[Tensor], *, total: float, highest: float) -> None:
    """Scale down in place to the norm `highest` if `total`, their norm now, is larger."""
    if total > highest:
        scale(gradients, highest / total)


def _local(tensors: Sequence[Tensor]) -> list[Tensor]:
    """This process's shard of each; scaling needs no more."""
    return [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
