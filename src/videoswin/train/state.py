"""The state of a run as named tensors and plain numbers, and back: the same for one process, DDP and FSDP2.

Parameters go by their names in the model, optimizer state by those of its parameters, so that a state saved
by any number of processes is continued by any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from videoswin.errors import CheckpointError
from videoswin.train.module import TrainModule

Tensors = dict[str, dict[str, Tensor]]
"""{"model" | "optimizer" | "ema": {name: tensor}}."""


def collect_tensors(module: TrainModule, optimizer: Optimizer) -> Tensors:
    """Everything that learns, whole: shards are gathered, so every process must ask."""
    groups: Tensors = {
        "model": whole_tensors(module.model),
        "optimizer": {
            f"{name}.{key}": _whole(value)
            for name, parameter in module.model.named_parameters()
            for key, value in optimizer.state.get(parameter, {}).items()
        },
    }
    if module.ema is not None:
        groups["ema"] = {name: _whole(tensor) for name, tensor in module.ema.tensors().items()}
    return groups


def whole_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of a model of which this process may hold a part; every process must ask."""
    return {name: _whole(tensor) for name, tensor in model.state_dict().items()}


def restore_tensors(
    module: TrainModule, optimizer: Optimizer, groups: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Put back what `collect_tensors` gave. Raises CheckpointError naming what is missing, left over or of
    another shape."""
    wanted = {"model", "optimizer", *(["ema"] if module.ema is not None else [])}
    _require_same(groups, wanted, what="groups of tensors")
    targets = module.model.state_dict()
    _require_same(groups["model"], targets, what="tensors of the model")
    for name, target in targets.items():
        _put(target, groups["model"][name], name=name)
    parameters = dict(module.model.named_parameters())
    for name, key, value in _split(groups["optimizer"], parameters):
        state = optimizer.state[parameters[name]]
        # AdamW's moments look like the parameter; its count of steps is one number, fused on the same device.
        device = parameters[name].device if optimizer.defaults.get("fused") else value.device
        state[key] = value.to(device, copy=True) if value.ndim == 0 else torch.zeros_like(parameters[name])
        _put(state[key], value, name=f"{name}.{key}")
    if module.ema is not None:
        targets = module.ema.tensors()
        _require_same(groups["ema"], targets, what="averaged tensors")
        for name, target in targets.items():
            _put(target, groups["ema"][name], name=name)


def _split(
    tensors: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]
) -> Iterator[tuple[str, str, Tensor]]:
    """(name of the parameter, key of its state, tensor)"""
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition(".")
        if name not in parameters:
            raise CheckpointError(f"holds optimizer state of {name!r}, which this model has not")
        yield name, key, value


def describe_groups(module: TrainModule, optimizer: Optimizer) -> list[dict[str, Any]]:
    """The numbers of each parameter group and the names of its parameters, as JSON has them."""
    names = {parameter: name for name, parameter in module.model.named_parameters()}
    groups = []
    for group in optimizer.param_groups:
        numbers = {key: value for key, value in group.items() if key != "params"}
        groups.append(numbers | {"parameters": [names[parameter] for parameter in group["params"]]})
    plain: list[dict[str, Any]] = json.loads(json.dumps(groups))
    return plain


def restore_groups(optimizer: Optimizer, saved: list[dict[str, Any]], own: list[dict[str, Any]]) -> None:
    """Take the saved learning rates and the other numbers of each group.

    own: what `describe_groups` says of this run. Raises CheckpointError where groups have other parameters.
    """
    if [group["parameters"] for group in saved] != [group["parameters"] for group in own]:
        theirs, ours = (
            [f"{g.get('name')} ({len(g['parameters'])})" for g in groups] for groups in (saved, own)
        )
        raise CheckpointError(
            f"parameter groups differ: the checkpoint has {', '.join(theirs)}, this run {', '.join(ours)}"
        )
    for group, numbers in zip(optimizer.param_groups, saved, strict=True):
        for key, value in numbers.items():
            if key != "parameters":
                group[key] = tuple(value) if isinstance(group[key], tuple) else value


def _whole(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def _put(target: Tensor, value: Tensor, *, name: str) -> None:
    """Copy `value` into `target`, of a shared one this process's part."""
    if target.shape != value.shape:
        raise CheckpointError(f"{name} has shape {tuple(value.shape)}, here it has {tuple(target.shape)}")
    if isinstance(target, DTensor):
        # Every process has read the whole tensor: none must wait for another.
        local = value.to(target.device)
        value = distribute_tensor(local, target.device_mesh, target.placements, src_data_rank=None)
    target.copy_(value)


def _require_same(found: Iterable[str], wanted: Iterable[str], *, what: str) -> None:
    missing, extra = set(wanted) - set(found), set(found) - set(wanted)
    if missing or extra:
        named = [
            f"{word} {', '.join(sorted(names)[:3])}"
            for word, names in (("lacks", missing), ("also has", extra))
            if names
        ]
        raise CheckpointError(f"the {what} are not this run's: the checkpoint {' and '.join(named)}")
