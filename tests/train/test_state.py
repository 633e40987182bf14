"""The state of a run put into a fresh one, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from tests.train.test_module import batch_of, module_of, run
from videoswin.errors import CheckpointError
from videoswin.train.module import TrainModule
from videoswin.train.state import (
    Tensors,
    collect_tensors,
    describe_groups,
    restore_groups,
    restore_tensors,
)
from videoswin.train.trainer import quiet_lightning


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet_lightning():
        yield


def trained() -> tuple[TrainModule, Optimizer]:
    """After three updates, each at another learning rate."""
    module = module_of(ema_decay=0.5)
    trainer = run(module, [batch_of(0, 1), batch_of(2, 3), batch_of(4, 5)], [])
    return module, trainer.optimizers[0]


def fresh(*, ema_decay: float = 0.5) -> tuple[TrainModule, Optimizer]:
    """Another one of the same recipe, with other weights and before its first update."""
    module = module_of(ema_decay=ema_decay)
    with torch.no_grad():
        for parameter in module.model.parameters():
            parameter.add_(1.0)
    optimizer = module.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, Optimizer)
    return module, optimizer


@pytest.fixture(scope="module")
def state() -> tuple[Tensors, list[dict[str, object]]]:
    """The tensors and the groups of a trained one; not to be changed."""
    with quiet_lightning():
        module, optimizer = trained()
    tensors = {
        group: {name: tensor.clone() for name, tensor in named.items()}
        for group, named in collect_tensors(module, optimizer).items()
    }
    return tensors, describe_groups(module, optimizer)


def bits(groups: Tensors) -> dict[str, Tensor]:
    return {f"{group} {name}": tensor for group, named in groups.items() for name, tensor in named.items()}


def test_a_fresh_run_gets_every_bit(state: tuple[Tensors, list[dict[str, object]]]) -> None:
    module, optimizer = fresh()
    restore_tensors(module, optimizer, state[0])
    found, wanted = bits(collect_tensors(module, optimizer)), bits(state[0])
    assert found.keys() == wanted.keys()
    assert [name for name in found if not torch.equal(found[name], wanted[name])] == []
    assert {name.rpartition(".")[2] for name in state[0]["optimizer"]} == {"step", "exp_avg", "exp_avg_sq"}
    assert float(state[0]["optimizer"]["head.weight.step"]) == 3.0


def test_what_is_restored_is_a_copy(state: tuple[Tensors, list[dict[str, object]]]) -> None:
    module, optimizer = fresh()
    restore_tensors(module, optimizer, state[0])
    before = {name: tensor.clone() for name, tensor in bits(state[0]).items()}
    for tensor in bits(collect_tensors(module, optimizer)).values():
        tensor.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in bits(state[0]).items())


def test_the_numbers_of_the_groups_come_back(state: tuple[Tensors, list[dict[str, object]]]) -> None:
    groups = state[1]
    assert json.loads(json.dumps(groups)) == groups
    module, optimizer = fresh()
    own = describe_groups(module, optimizer)
    assert own != groups  # the schedule has moved the rates
    restore_groups(optimizer, groups, own)
    assert describe_groups(module, optimizer) == groups
    assert all(group["betas"] == (0.9, 0.999) for group in optimizer.param_groups)


def test_a_checkpoint_of_other_groups_is_refused(state: tuple[Tensors, list[dict[str, object]]]) -> None:
    module, optimizer = fresh()
    own = describe_groups(module, optimizer)
    fewer = [group for group in own if group["name"] != "head"]
    moved = [{**group, "parameters": [*group["parameters"], "bias"]} for group in own]
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(CheckpointError, match=r"parameter groups differ: the checkpoint has .*, head \(2\)$"):
        restore_groups(optimizer, fewer, own)
    with pytest.raises(CheckpointError, match=r"head \(3\), this run .*head \(2\)$"):
        restore_groups(optimizer, moved, own)
    assert [group["lr"] for group in optimizer.param_groups] == [group["lr"] for group in before]


def without(groups: Tensors, group: str, name: str) -> Tensors:
    return {**groups, group: {key: tensor for key, tensor in groups[group].items() if key != name}}


def with_tensor(groups: Tensors, group: str, name: str, tensor: Tensor) -> Tensors:
    return {**groups, group: {**groups[group], name: tensor}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda groups: without(groups, "model", "head.bias"),
            "the tensors of the model are not this run's: the checkpoint lacks head.bias$",
        ),
        (
            lambda groups: with_tensor(groups, "model", "neck.bias", torch.zeros(1)),
            "the tensors of the model are not this run's: the checkpoint also has neck.bias$",
        ),
        (
            lambda groups: with_tensor(groups, "model", "head.bias", torch.zeros(9)),
            r"head\.bias has shape \(9,\), here it has \(7,\)",
        ),
        (
            lambda groups: with_tensor(groups, "optimizer", "head.bias.exp_avg", torch.zeros(9)),
            r"head\.bias\.exp_avg has shape \(9,\), here it has \(7,\)",
        ),
        (
            lambda groups: with_tensor(groups, "optimizer", "neck.bias.step", torch.tensor(3.0)),
            "holds optimizer state of 'neck.bias', which this model has not",
        ),
        (
            lambda groups: without(groups, "ema", "head.bias"),
            "the averaged tensors are not this run's: the checkpoint lacks head.bias$",
        ),
        (
            lambda groups: {name: groups[name] for name in ("model", "optimizer")},
            "the groups of tensors are not this run's: the checkpoint lacks ema$",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change, message, state) -> None:
    module, optimizer = fresh()
    with pytest.raises(CheckpointError, match=message):
        restore_tensors(module, optimizer, change(state[0]))


def test_an_average_that_this_run_does_not_keep_is_refused(state) -> None:
    module, optimizer = fresh(ema_decay=0.0)
    with pytest.raises(CheckpointError, match=r"the checkpoint also has ema$"):
        restore_tensors(module, optimizer, state[0])
