"""From a name to a model: new, or with the tensors of weights, always checked one by one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from videoswin.errors import WeightsError, printable
from videoswin.peers.config import PEERS, PeerConfig
from videoswin.peers.model import PeerModel
from videoswin.peers.packages import require_library
from videoswin.values import ClipSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PeerWeights:
    """What weights of a peer hold.

    backbone, head: tensors under PeerModel's names; `head` is empty if there is no classifier. labels: class
    names in the order of the head, empty if unknown. clip: what the model saw. settings: PeerConfig's. new:
    tensors of the backbone that the weights lack on purpose and that start anew.
    """

    path: str
    backbone: dict[str, Tensor]
    head: dict[str, Tensor]
    clip: ClipSpec
    labels: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    new: tuple[str, ...] = ()


def build(
    config: PeerConfig,
    *,
    weights: PeerWeights | None = None,
    drop_path_rate: float = 0.0,
    head_dropout: float = 0.0,
    checkpoint_blocks: bool = False,
) -> PeerModel:
    """The peer that `config` describes; with `weights`, theirs, with a new head if theirs has another size.

    Raises ConfigError for a missing library or a clip that this peer can't take, WeightsError listing tensors
    that don't fit.
    """
    require_clip(config)
    if weights is not None:
        _require_equal(config, weights)
    backbone, num_features = _backbone(
        config, drop_path_rate=drop_path_rate, checkpoint_blocks=checkpoint_blocks
    )
    model = PeerModel(config, backbone, num_features=num_features, head_dropout=head_dropout)
    if weights is not None:
        _load(model, weights)
    return model


def _require_equal(config: PeerConfig, weights: PeerWeights) -> None:
    """Raise WeightsError listing tensors that are missing, left over, of another shape or not finite.

    Held against a network without memory: a header can claim any size.
    """
    with torch.device("meta"):
        backbone, num_features = _backbone(config, drop_path_rate=0.0, checkpoint_blocks=False)
    expected = {f"backbone.{name}": tensor.shape for name, tensor in backbone.state_dict().items()}
    found = {f"backbone.{name}": tensor for name, tensor in weights.backbone.items()}
    if weights.head:
        num_classes = len(weights.head.get("weight", ()))
        expected |= {"head.weight": torch.Size((num_classes, num_features))}
        expected |= {"head.bias": torch.Size((num_classes,))}
        found |= {f"head.{name}": tensor for name, tensor in weights.head.items()}
    shapes = [
        f"{name} is {tuple(found[name].shape)} instead of {tuple(shape)}"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]
    problems = {
        "missing": sorted(expected.keys() - found.keys()),
        "left over": sorted(found.keys() - expected.keys()),
        "of another shape": shapes,
        "not finite": [name for name, tensor in found.items() if not bool(tensor.isfinite().all())],
    }
    lines = [f"{len(names)} {what}: {_some(names)}" for what, names in problems.items() if names]
    if lines:
        raise WeightsError(f"{printable(weights.path)}: tensors do not fit {config.name}; {'; '.join(lines)}")


def _load(model: PeerModel, weights: PeerWeights) -> None:
    """Copy the tensors into the model; a head of another size stays as it is, new."""
    path, num_classes = printable(weights.path), model.config.num_classes
    model.backbone.load_state_dict(weights.backbone, strict=True)
    if weights.new:
        logger.info(f"new, not in {path}: {_some(list(weights.new))}")
    if weights.head and len(weights.head["weight"]) == num_classes:
        model.head.load_state_dict(weights.head, strict=True)
    else:
        had = f"{len(weights.head['weight'])} classes" if weights.head else "no head"
        logger.info(f"new head: {path} has {had}, {num_classes} classes wanted")


def require_clip(config: PeerConfig) -> None:
    """Raise ConfigError if the library is missing or the peer can't take `config.clip`."""
    require_library(config.name)
    if PEERS[config.name].library == "torchvision":
        from videoswin.peers import torchvision_models

        torchvision_models.require_clip(config.name, config.clip)
    else:
        from videoswin.peers import transformers_models

        transformers_models.require_clip(config.name, config.clip, config.settings)


def _backbone(config: PeerConfig, *, drop_path_rate: float, checkpoint_blocks: bool) -> tuple[nn.Module, int]:
    if PEERS[config.name].library == "torchvision":
        from videoswin.peers.torchvision_models import backbone as make
    else:
        from videoswin.peers.transformers_models import backbone as make
    return make(config, drop_path_rate=drop_path_rate, checkpoint_blocks=checkpoint_blocks)


def _some(names: list[str], shown: int = 4) -> str:
    return ", ".join(printable(name)[:120] for name in names[:shown]) + (
        f", ... ({len(names) - shown} more)" if len(names) > shown else ""
    )
