"""The processes of a run as Lightning takes them: one, DDP or FSDP2, on one machine or many."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, SingleDeviceStrategy, Strategy
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from videoswin.errors import ConfigError
from videoswin.launch import is_launched
from videoswin.train.scale_config import ScaleConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How many processes on each of how many machines."""

    devices: int
    nodes: int

    @property
    def world_size(self) -> int:
        return self.devices * self.nodes


def find_layout(scale: ScaleConfig) -> Layout:
    """That of the job that started this process, else one process.

    Raises ConfigError for more GPUs than there are, or more processes than this job has.
    """
    num_gpus = torch.cuda.device_count()
    if num_gpus and scale.devices > num_gpus:
        raise ConfigError(f"scale.devices is {scale.devices}; allowed here: 1 to {num_gpus} (GPUs)")
    if is_launched():
        devices = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        return Layout(devices=devices, nodes=int(os.environ.get("WORLD_SIZE", "1")) // devices)
    if scale.devices > 1:
        raise ConfigError(
            f"scale.devices is {scale.devices}, but this is one process; start `videoswin train`, or "
            "torchrun, which makes several"
        )
    return Layout(devices=1, nodes=1)


def build_strategy(scale: ScaleConfig, layout: Layout) -> Strategy | str:
    """Lightning's strategy, `auto` for one process."""
    if layout.world_size == 1:
        return "auto"
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    timeout = timedelta(seconds=scale.timeout_seconds)
    if scale.strategy == "fsdp":
        return ModelParallelStrategy(
            data_parallel_size=layout.world_size,
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
            process_group_backend=backend,
            timeout=timeout,
        )
    # Gradients are views of the buckets that are sent: one copy of them less in memory.
    return DDPStrategy(process_group_backend=backend, timeout=timeout, gradient_as_bucket_view=True)


def shard(model: nn.Module, mesh: DeviceMesh) -> None:
    """FSDP2 in place: every block is gathered when it computes and freed after, the rest of the model at
    once."""
    for module in _blocks(model):
        fully_shard(module, mesh=mesh)
    fully_shard(model, mesh=mesh)


def reshard(model: nn.Module) -> None:
    """Free what FSDP2 keeps whole after the last forward; without FSDP2 nothing. Else the parameters would be
    other tensors than the optimizer's."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def _blocks(model: nn.Module) -> list[nn.Module]:
    """The layers of the longest lists of the model: the blocks of a Video Swin's stages, the layers of other
    transformers. A model without lists is sharded as one."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    inner = [found for found in lists if not any(isinstance(m, nn.ModuleList) for m in _below(found))]
    return [block for found in inner for block in found]


def _below(module: nn.Module) -> list[nn.Module]:
    return [found for found in module.modules() if found is not module]


def mesh_of(strategy: Any) -> DeviceMesh | None:
    """The processes that share the model; None where each holds all of it."""
    if isinstance(strategy, ModelParallelStrategy):
        mesh: DeviceMesh = strategy.device_mesh["data_parallel"]
        return mesh
    assert isinstance(strategy, DDPStrategy | SingleDeviceStrategy), strategy
    return None
