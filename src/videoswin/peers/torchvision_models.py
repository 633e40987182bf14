"""torchvision's video networks: how each is built, where its classifier is, which clips it can take."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from videoswin.errors import ConfigError
from videoswin.peers.config import PeerConfig, PeerName
from videoswin.peers.packages import import_torchvision
from videoswin.values import ClipSpec


class _Place(NamedTuple):
    """Of the classifier in a network: `attribute` holds it, `linear` names the layer with its weights."""

    attribute: str
    linear: str


_RESNET, _SWIN = _Place("fc", "fc"), _Place("head", "head")
_MVIT = _Place("head", "head.1")  # after a dropout
_S3D = _Place("classifier", "classifier.1")  # after a dropout; a convolution of one position

_PLACES: dict[PeerName, _Place] = {
    **dict.fromkeys(("r3d_18", "r2plus1d_18", "mc3_18"), _RESNET),
    "s3d": _S3D,
    **dict.fromkeys(("mvit_v1_b", "mvit_v2_s"), _MVIT),
    **dict.fromkeys(("swin3d_t", "swin3d_s", "swin3d_b"), _SWIN),
}


def backbone(config: PeerConfig, *, drop_path_rate: float, checkpoint_blocks: bool) -> tuple[nn.Module, int]:
    """The network without its classifier, and the number of its features. `checkpoint_blocks` must be False:
    torchvision has no such switch."""
    assert not checkpoint_blocks
    make: Callable[..., nn.Module] = getattr(import_torchvision(), config.name)
    network = make()
    _set_drop_path(network, drop_path_rate)
    place = _PLACES[config.name]
    classifier = network.get_submodule(place.linear)
    num_features = next(classifier.parameters()).shape[1]
    setattr(network, place.attribute, nn.Identity())
    return network, num_features


def _set_drop_path(network: nn.Module, rate: float) -> None:
    """Stochastic depth that grows from 0 to `rate` over the blocks, as the networks that have it are built;
    the functions that build Swin3D take no rate."""
    kind: Any = importlib.import_module("torchvision.ops").StochasticDepth
    blocks: list[Any] = [layer for layer in network.modules() if isinstance(layer, kind)]
    for index, layer in enumerate(blocks):
        layer.p = rate * index / (len(blocks) - 1)


def require_clip(name: PeerName, clip: ClipSpec) -> None:
    """Raise ConfigError for a clip that the network can't take."""
    if name == "s3d" and not (clip.num_frames >= 14 and clip.size >= 224):
        allowed = "at least 14 frames and 224 px (its last pooling is 2x7x7)"
    elif name.startswith("mvit") and (clip.num_frames, clip.size) != (16, 224):
        allowed = "16 frames of 224 px, the size of its position embeddings in torchvision"
    else:
        return
    raise ConfigError(f"clip has {clip.num_frames} frames of {clip.size} px; {name} takes {allowed}")


def split(state_dict: Mapping[str, Tensor], *, name: PeerName) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A state dict of torchvision as those of PeerModel's `backbone` and `head`; the latter is empty if there
    is no classifier in it."""
    place = _PLACES[name].linear
    head = {
        part: state_dict[f"{place}.{part}"].flatten(1) if part == "weight" else state_dict[f"{place}.{part}"]
        for part in ("weight", "bias")
        if f"{place}.{part}" in state_dict
    }
    rest = {key: tensor for key, tensor in state_dict.items() if not key.startswith(f"{place}.")}
    return rest, head
