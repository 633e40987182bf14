"""Peers of the model benchmark, with the same weights. They are no dependencies: each is imported from where
it lies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Any

from torch import Tensor, nn

from videoswin.errors import ConfigError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.peers import packages
from videoswin.weights import convert

Peer = Callable[[SwinConfig, dict[str, Tensor]], nn.Module]


def import_torchvision(folder: str) -> Any:
    """torchvision's video models from `folder` (pip install --no-deps --target FOLDER torchvision==0.28.0).

    Raises ConfigError if it is not there or cannot be imported.
    """
    if PathFinder.find_spec("torchvision", [folder]) is None:
        raise ConfigError(f"torchvision cannot be imported from {folder!r}: it is not in it")
    sys.path.append(folder)
    return packages.import_torchvision()


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


def our_model(backend: str | None, config: SwinConfig, state_dict: dict[str, Tensor]) -> nn.Module:
    """Our model with one attention backend (None: the one that is chosen for its device), in eval mode."""
    model = VideoSwin(config, attention_backend=backend)
    model.load_state_dict(state_dict, strict=True)
    return model.eval()
