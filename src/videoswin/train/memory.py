"""How many clips a device can hold in a training step: estimated once, from the model itself, without
computing anything."""

from __future__ import annotations

import copy
import logging
import math

import torch
from torch import nn

from videoswin.data.mix import PAIR
from videoswin.data.prefetch import clip_bytes, free_bytes
from videoswin.errors import ConfigError
from videoswin.model.blocks import SwinBlock
from videoswin.model.memory import training_peak
from videoswin.model.swin import VideoSwin
from videoswin.train.config import TrainConfig
from videoswin.values import ClipSpec

USABLE = 0.7
"""Of the free memory: the estimate knows neither the workspaces of kernels nor what other programs take."""
COPIES = 4
"""Of the weights: themselves, their gradient and AdamW's two moments; the first is there already."""

PLAIN_LAYERS = 2.5
"""A GPU keeps what the layers before linear maps compute, a CPU, for which the estimate is, computes it again
(model/recomputed.py): 1.9 times as much for Swin-T, and a margin. Not where all stages are told to compute it
again, too (`recompute` mlp)."""
LIGHT_LAYERS = 1.6
"""With `recompute` light in all stages a GPU still keeps the hidden layers that a CPU does not: 1.21 times as
much for Swin-T at 224 px, 1.45 at 384 px and one block a stage (meta device), and a margin."""

logger = logging.getLogger(__name__)


def choose_micro_batch(
    config: TrainConfig, model: nn.Module, *, clip: ClipSpec, world_size: int, sharing: int
) -> int:
    """Clips at once: what the run names, else the most that fit, in portions as equal as can be.

    sharing: processes of this machine that share its memory. Raises ConfigError if not even one clip (two
    where clips are mixed) fits.
    """
    if config.micro_batch != "auto":
        return config.micro_batch
    step = PAIR if config.augment.has_mix else 1
    most = math.ceil(config.global_batch / (world_size * step)) * step
    weights = sum(parameter.numel() for parameter in model.parameters()) * 4
    one = training_peak(copy.deepcopy(model).to("meta"), (clip.num_frames, clip.size, clip.size))
    one = math.ceil(one * _layers_kept(model)) + clip_bytes(clip)
    free = _free(sharing)
    left = USABLE * free - (COPIES - 1) * weights
    fitting = int(left // (one * step)) * step
    if fitting < step:
        raise ConfigError(
            f"micro_batch is auto, but {step} of {clip.num_frames} frames x {clip.size} px need "
            f"about {_gib(one * step)} beside the weights and {_gib(free)} are free; name a number to try it "
            "all the same, or take smaller clips or recompute_stages"
        )
    turns = math.ceil(most / min(fitting, most))
    micro = math.ceil(most / (turns * step)) * step
    logger.info(f"micro_batch: {micro} clips at once, about {_gib(one * micro)} of {_gib(free)} free memory")
    return micro


def _layers_kept(model: nn.Module) -> float:
    """Times what a CPU keeps."""
    if not torch.cuda.is_available():
        return 1.0
    if not isinstance(model, VideoSwin):
        return PLAIN_LAYERS
    kinds = {block.recompute for block in model.modules() if isinstance(block, SwinBlock)}
    if kinds <= {"mlp"}:
        return 1.0
    return LIGHT_LAYERS if kinds <= {"mlp", "light"} else PLAIN_LAYERS


def _free(sharing: int) -> int:
    """Bytes of this process's device."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return free_bytes() // sharing


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.2f} GiB"
