"""What a run begins with, be it a Video Swin or a peer: the clip, the labels its weights know, the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from videoswin.train.config import TrainConfig
from videoswin.train.peer import build_peer, choose_peer_clip, read_peer_weights
from videoswin.train.start import build_model, choose_clip, read_pretrained
from videoswin.values import ClipSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """known_labels: class names of the weights, empty without. build: the data's labels -> a model of clips
    (B, 3, T, H, W) uint8 -> logits (B, one a label)."""

    clip: ClipSpec
    known_labels: tuple[str, ...]
    build: Callable[[tuple[str, ...]], nn.Module]


def begin(config: TrainConfig) -> Beginning:
    """Read the weights that the run names. Raises WeightsError and ConfigError as their readers do."""
    if config.peer:
        weights = read_peer_weights(config)
        clip = choose_peer_clip(config, weights)
        return Beginning(
            clip=clip,
            known_labels=() if weights is None else weights.labels,
            build=lambda labels: build_peer(config, weights, clip=clip, labels=labels),
        )
    pretrained = read_pretrained(config)
    return Beginning(
        clip=choose_clip(config, pretrained),
        known_labels=() if pretrained is None else pretrained.labels,
        build=lambda labels: build_model(config, pretrained, labels=labels),
    )
