"""What a run has in hand before it trains: its videos, its model, how updates are dealt out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import videoswin
from videoswin import ranks
from videoswin.errors import ConfigError
from videoswin.evaluate.job import first_does
from videoswin.train.assemble import assemble
from videoswin.train.begin import begin
from videoswin.train.checkpoint import Snapshot
from videoswin.train.checks import fingerprints
from videoswin.train.config import TrainConfig
from videoswin.train.datamodule import Splits, VideoData, read_splits
from videoswin.train.memory import choose_micro_batch
from videoswin.train.module import TrainModule
from videoswin.train.output import as_plain
from videoswin.train.resume import measure_files, require_same_data
from videoswin.train.schedule import SCHEDULES
from videoswin.train.strategy import Layout
from videoswin.train.trial import few
from videoswin.values import ClipSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """output: folder of the run. snapshot: where it goes on, None at its start. fingerprints: of the videos,
    by split. micro_batch: clips at once."""

    config: TrainConfig
    layout: Layout
    output: Path
    snapshot: Snapshot | None
    clip: ClipSpec
    splits: Splits
    fingerprints: Mapping[str, Any]
    model: nn.Module
    micro_batch: int

    @property
    def metric(self) -> str:
        """What the best weights are the best by."""
        return "val/map" if self.splits.is_multi_label else "val/top1"

    def record(self) -> dict[str, Any]:
        """What a checkpoint is to say of the run, as JSON has it."""
        return {
            "config": as_plain(self.config),
            "data": self.fingerprints,
            "lengths": measure_files(self.output),
            "micro_batch": self.micro_batch,
            "world_size": self.layout.world_size,
        }


def gather_material(config: TrainConfig, layout: Layout, output: Path, snapshot: Snapshot | None) -> Material:
    """Read weights and lists, build the model with new initial values where the weights have none.

    Seeds torch's global generator. Raises what `train` raises before anything is trained.
    """
    if config.precision == "fp16" and not torch.cuda.is_available():
        raise ConfigError("precision is fp16, which needs a CUDA GPU; allowed here: fp32, bf16")
    torch.manual_seed(config.seed)
    start = begin(config)
    folder = output if ranks.rank() == 0 else None
    splits = read_splits(config.data, known_labels=start.known_labels, seed=config.seed, folder=folder)
    if config.fast_dev_run:
        splits = few(splits, config.global_batch)
    found = fingerprints({"train": splits.train, "val": splits.val}, splits.labels)
    _require_one_job(found)
    if snapshot is not None:
        require_same_data(snapshot.state, found)
        logger.info(f"going on after update {snapshot.step}")
    model = start.build(splits.labels)
    return Material(
        config=config,
        layout=layout,
        output=output,
        snapshot=snapshot,
        clip=start.clip,
        splits=splits,
        fingerprints=found,
        model=model,
        micro_batch=_micro_batch(config, layout, snapshot, model, start.clip),
    )


def _micro_batch(
    config: TrainConfig, layout: Layout, snapshot: Snapshot | None, model: nn.Module, clip: ClipSpec
) -> int:
    if snapshot is not None and config.micro_batch == "auto":
        if layout.world_size == snapshot.state["world_size"]:
            saved: int = snapshot.state["micro_batch"]
            return saved  # sums of other portions would round differently
    return first_does(
        lambda: choose_micro_batch(
            config, model, clip=clip, world_size=layout.world_size, sharing=layout.devices
        )
    )


def _require_one_job(found: Mapping[str, Any]) -> None:
    """Raise ConfigError if the processes have other videos or another videoswin (D06)."""
    own = json.dumps([found, videoswin.__version__])
    for rank, other in enumerate(ranks.gather(own)):
        if other != own:
            raise ConfigError(
                f"rank {rank} reads other videos, or is another videoswin, than rank {ranks.rank()}: {other} "
                f"and {own}"
            )


def build_data(material: Material) -> VideoData:
    """The loaders of this process. Raises ConfigError."""
    config, snapshot = material.config, material.snapshot
    return VideoData(
        material.splits,
        clip=material.clip,
        augment=config.augment,
        global_batch=config.global_batch,
        micro_batch=material.micro_batch,
        num_workers=config.data.num_workers,
        seed=config.seed,
        updates_done=0 if snapshot is None else snapshot.step,
        prefetch_mib=config.data.prefetch_mib,
    )


def schedule(config: TrainConfig, *, updates_per_epoch: int) -> Callable[[int], float]:
    """Number of an update -> its learning rate, as a factor of the highest."""
    return partial(
        SCHEDULES[config.schedule.shape],
        updates_per_epoch=updates_per_epoch,
        epochs=config.epochs,
        warmup_epochs=config.schedule.warmup_epochs,
    )


def build_module(material: Material, *, factor: Callable[[int], float]) -> TrainModule:
    """The model under Lightning. factor: see TrainModule. Raises ConfigError."""
    config, splits = material.config, material.splits
    return assemble(
        config,
        material.model,
        samples=splits.train,
        num_classes=len(splits.labels),
        is_multi_label=splits.is_multi_label,
        clip=material.clip,
        factor=factor,
        micro_batch=material.micro_batch,
        folder=material.output,
    )
