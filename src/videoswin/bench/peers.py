"""Peers of the model benchmark, with the same weights. They are no dependencies: each is imported from where
it lies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from videoswin.errors import ConfigError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.weights import convert

Peer = Callable[[SwinConfig, dict[str, Tensor]], nn.Module]


def import_torchvision(folder: str) -> Any:
    """torchvision's video models from `folder` (pip install --no-deps --target FOLDER torchvision==0.28.0).

    Its wheel is linked to CUDA and cannot load beside a CPU build of torch until the two operators that it
    registers have a schema; the video models use neither.
    """
    library = torch.library.Library("torchvision", "DEF")
    try:
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass  # a torchvision that fits this torch has registered them itself
    sys.path.append(folder)
    try:
        from torchvision.models import video  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ConfigError(f"torchvision cannot be imported from {folder!r}: {error}") from error
    return video


def torchvision_model(folder: str, config: SwinConfig, state_dict: dict[str, Tensor]) -> nn.Module:
    """torchvision's Swin3D of this configuration with our weights, in eval mode, loaded strictly."""
    video = import_torchvision(folder)
    model: nn.Module = video.swin_transformer.SwinTransformer3d(
        patch_size=list(config.patch),
        embed_dim=config.embed_dim,
        depths=list(config.depths),
        num_heads=list(config.num_heads),
        window_size=list(config.window),
        stochastic_depth_prob=0.0,
        num_classes=config.num_classes,
        norm_layer=None,
        patch_embed=video.swin_transformer.PatchEmbed3d,
    )
    model.load_state_dict(convert(state_dict, to="torchvision"), strict=True)
    return model.eval()


def our_model(backend: str, config: SwinConfig, state_dict: dict[str, Tensor]) -> nn.Module:
    """Our model with one attention backend, in eval mode."""
    model = VideoSwin(config, attention_backend=backend)
    model.load_state_dict(state_dict, strict=True)
    return model.eval()
