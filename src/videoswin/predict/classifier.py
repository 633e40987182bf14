"""Whatever turns clips into scores of labelled classes: a Video Swin or a peer, with what its weights say.

The one place that knows both kinds of weights files; prediction, evaluation and training ask it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
from torch import Tensor, nn

from videoswin import weights as weights_files
from videoswin.errors import WeightsError
from videoswin.model import VideoSwin
from videoswin.peers.build import PeerWeights, build
from videoswin.peers.config import PeerConfig
from videoswin.peers.header import KEY, from_header, to_header
from videoswin.peers.model import PeerModel
from videoswin.values import ClipSpec
from videoswin.weights import Weights
from videoswin.weights.container import HEADER, read_tensors
from videoswin.weights.files import write_tensors
from videoswin.weights.interpret import in_one_line


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """model: clips (B, 3, T, H, W) uint8 -> logits (B, num_classes). labels: class names in the order of the
    logits, empty if the weights have none. clip: what the model was trained to see."""

    model: nn.Module
    labels: tuple[str, ...]
    num_classes: int
    clip: ClipSpec


def read_classifier(weights: str | os.PathLike[str] | Weights) -> Classifier:
    """The model of a weights file of a peer or of a Video Swin (any format, or the name of published ones).

    Raises WeightsError for a file that is refused, ConfigError if the library of a peer is missing.
    """
    if not isinstance(weights, Weights) and is_peer(weights):
        config, of_peer = read_peer(weights)
        return Classifier(
            model=build(config, weights=of_peer),
            labels=of_peer.labels,
            num_classes=config.num_classes,
            clip=config.clip,
        )
    found = weights if isinstance(weights, Weights) else weights_files.read(weights)
    return Classifier(
        model=weights_files.build(found),
        labels=found.labels,
        num_classes=found.config.num_classes,
        clip=found.clip,
    )


def is_peer(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that it is of a peer. Whatever is wrong with another, its own reader says."""
    if not os.path.isfile(path):  # the name of published weights; or a pipe, which could block
        return False
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
    except (safetensors.SafetensorError, OSError, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and KEY in header


def read_peer(path: str | os.PathLike[str]) -> tuple[PeerConfig, PeerWeights]:
    """What `save_classifier` wrote of a peer. Raises WeightsError."""
    name = os.fspath(path)
    try:
        tensors, header = read_tensors(name)
        return from_header(header, tensors, path=name)
    except WeightsError as error:
        raise in_one_line(error, path=name) from error


def save_classifier(
    path: Path,
    model: nn.Module,
    *,
    labels: tuple[str, ...],
    clip: ClipSpec,
    notes: Mapping[str, str],
    tensors: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a VideoSwin or a PeerModel as safetensors, atomically, so that `read_classifier` reads it.

    A peer's clip is the one it was built for. tensors: whole ones in place of the model's own, which may be
    parts. Raises StorageError if writing fails.
    """
    if isinstance(model, VideoSwin):
        weights_files.save(path, model, labels=labels, clip=clip, notes=notes, tensors=tensors)
        return
    assert isinstance(model, PeerModel)
    assert model.config.clip == clip, (model.config.clip, clip)
    state = model.state_dict() if tensors is None else tensors
    write_tensors(path, state, to_header(model.config, labels=labels, notes=notes))
