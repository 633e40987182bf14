"""One update by two processes, for test_module_on_two.py: `-m tests.train.two_processes CASE FOLDER`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch import Tensor
from torch.distributed.tensor import DTensor

from tests.train.test_module import SAMPLES, Batches, batch_of, module_of
from videoswin import ranks
from videoswin.data.dataset import Batch
from videoswin.errors import NonFiniteLossError
from videoswin.evaluate.job import job
from videoswin.train.module import TrainModule
from videoswin.train.nonfinite import NonFiniteGuard
from videoswin.train.scale_config import ScaleConfig
from videoswin.train.strategy import Layout, build_strategy

Strategy = Literal["ddp", "fsdp"]
MICRO_BATCH = 3

TRAIN = {0: [batch_of(0, 1, 2), batch_of(3)], 1: [batch_of(4), batch_of(num_bad=1)]}
"""Of each process: five clips in all, one process without any in the second turn."""
VAL = {0: [batch_of(0, 1), batch_of(2)], 1: [batch_of(num_bad=2), batch_of(5)]}


class KeepUpdate(Callback):
    """made: gradient, weights and their mean after the epoch's update and its validation, whole."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, TrainModule)  # a validation frees the gradient
        parameters = pl_module.model.named_parameters()
        self.made["gradient"] = whole({name: parameter.grad for name, parameter in parameters})

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainModule)
        assert pl_module.ema is not None
        self.made["model"] = whole(dict(pl_module.model.named_parameters()))
        self.made["ema"] = whole(pl_module.ema.tensors())


def whole(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().clone()
        for name, tensor in tensors.items()
    }


def fit(
    module: TrainModule,
    train: list[Batch],
    val: list[Batch],
    strategy: Strategy,
    callbacks: Sequence[Callback] = (),
) -> Trainer:
    """One epoch of one update."""
    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy=build_strategy(ScaleConfig(devices=2, strategy=strategy), Layout(devices=2, nodes=1)),
        plugins=[LightningEnvironment()],
        max_epochs=1,
        accumulate_grad_batches=2,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    trainer.fit(module, datamodule=Batches(train, val))
    return trainer


def update(strategy: Strategy, folder: Path) -> None:
    """Saves what the update was made of and what it made."""
    module = module_of(micro_batch=MICRO_BATCH, ema_decay=0.5, max_gradient_norm=0.5)
    rank = ranks.rank()
    before = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    keep = KeepUpdate()
    trainer = fit(module, TRAIN[rank], VAL[rank], strategy, callbacks=[keep])
    made = keep.made | {
        "before": before,
        "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
    }
    torch.save(made, folder / f"{strategy}{rank}.pt")


def nan_on_the_second(folder: Path) -> None:
    """Saves the error of each process."""
    rank = ranks.rank()
    guard = NonFiniteGuard(SAMPLES, folder=folder, seed=0, policy="stop", max_skipped=0)
    module = module_of(micro_batch=1, guard=guard)
    good = batch_of(0)
    shares = torch.full((1, 7), float("nan") if rank == 1 else 1 / 7)
    broken = Batch(clips=good.clips, labels=shares, indices=torch.tensor([rank + 8]), bad=())
    try:
        fit(module, [good, broken], VAL[rank], "ddp")
    except NonFiniteLossError as error:
        (folder / f"error{rank}").write_text(str(error))


def main(case: str, folder: Path) -> None:
    with job():
        if case == "nan":
            nan_on_the_second(folder)
        elif case == "ddp" or case == "fsdp":
            update(case, folder)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1], Path(sys.argv[2]))
