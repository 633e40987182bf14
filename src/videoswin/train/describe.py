"""What is about to run, in words."""

from __future__ import annotations

import torch
from torch import nn

from videoswin import threads
from videoswin.model.blocks import WindowAttention
from videoswin.ops import select_backend
from videoswin.train.config import Precision
from videoswin.train.material import Material
from videoswin.train.position import Batches


def describe(material: Material, batches: Batches) -> list[str]:
    """Lines for the log."""
    config, splits, clip, layout = material.config, material.splits, material.clip, material.layout
    num_parameters = sum(parameter.numel() for parameter in material.model.parameters())
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    peer = f"{config.peer}, " if config.peer else ""
    processes = "" if layout.world_size == 1 else f" x {layout.world_size} processes"
    return [
        f"data: {len(splits.train)} training and {len(splits.val)} validation videos, "
        f"{len(splits.labels)} classes; clips of {clip.num_frames} frames ({clip.sampling}, "
        f"stride {clip.stride}), {clip.size} px",
        f"model: {peer}{num_parameters:,} parameters; {config.precision} on {device}{processes}, "
        f"{_attention(material.model, config.precision)}{threads.describe(config.data.num_workers)}",
        f"batch: {config.global_batch} clips an update = {material.micro_batch} at once x "
        f"{batches.accumulate} in turn{processes}; {batches.updates_per_epoch} updates an epoch, "
        f"{config.epochs} epochs",
    ]


def _attention(model: nn.Module, precision: Precision) -> str:
    """The backends that compute its attention; nothing of a peer, which has its own."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    backends = {
        select_backend(
            each.backend,
            device="cuda" if torch.cuda.is_available() else "cpu",
            dtype=dtype,
            head_width=each.qkv.in_features // each.num_heads,
        )
        for each in model.modules()
        if isinstance(each, WindowAttention)
    }
    return f"attention {' and '.join(sorted(backends))}, " if backends else ""
