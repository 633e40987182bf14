"""Weights of a named peer, wherever they are from: a run here, a state dict of torchvision, a folder that
transformers saved. Nothing is downloaded."""

from __future__ import annotations

import os

from videoswin.errors import ConfigError, WeightsError, printable
from videoswin.peers.build import PeerWeights, build
from videoswin.peers.config import PEERS, PeerConfig, PeerName, peer_name
from videoswin.peers.packages import require_library
from videoswin.predict.classifier import Classifier, is_peer, read_peer
from videoswin.values import ClipSpec
from videoswin.weights.container import read_tensors
from videoswin.weights.interpret import in_one_line


def read_weights_of(name: PeerName, path: str, *, clip: ClipSpec | None = None) -> PeerWeights:
    """What `path` holds of this peer. clip: what is wanted; None keeps that of the weights, of a state dict
    without one the published.

    Raises WeightsError for weights that can't be used, ConfigError if the peer's library is missing, the file
    is of another peer or learnt position embeddings are not those of `clip`.
    """
    require_library(name)
    if is_peer(path):
        found, weights = read_peer(path)
        if found.name != name:
            raise ConfigError(f"{printable(path)} is of the peer {found.name}, and peer is {name}")
        return weights
    if PEERS[name].library == "transformers":
        return _from_folder(name, path, clip=clip)
    return _from_torchvision(name, path)


def read_published(peer: str, path: str | os.PathLike[str]) -> Classifier:
    """The classifier of weights that their authors published, with its own head.

    Raises as `read_weights_of`, and WeightsError for weights of pretraining, which have no classifier.
    """
    name = peer_name(peer)
    weights = read_weights_of(name, os.fspath(path))
    if not weights.head:
        raise WeightsError(f"{printable(weights.path)}: no classifier in it; train one with --peer {name}")
    config = PeerConfig(
        name=name, num_classes=len(weights.head["weight"]), clip=weights.clip, settings=weights.settings
    )
    return Classifier(
        model=build(config, weights=weights),
        labels=weights.labels,
        num_classes=config.num_classes,
        clip=weights.clip,
    )


def _from_folder(name: PeerName, path: str, *, clip: ClipSpec | None) -> PeerWeights:
    from videoswin.peers.transformers_models import read_folder

    if not os.path.isdir(path):
        raise WeightsError(
            f"{printable(path)}: no folder; weights of {name} are a folder saved by transformers "
            "(config.json, model.safetensors) or a file of an earlier run"
        )
    found = read_folder(path, name=name, clip=clip)
    return PeerWeights(
        path=path,
        backbone=found.backbone,
        head=found.head,
        labels=found.labels,
        clip=found.clip,
        settings=found.settings,
        new=found.new,
    )


def _from_torchvision(name: PeerName, path: str) -> PeerWeights:
    from videoswin.peers.torchvision_models import split

    try:
        tensors, _ = read_tensors(path)
    except WeightsError as error:
        raise in_one_line(error, path=path) from error
    backbone, head = split(tensors, name=name)
    return PeerWeights(path=path, backbone=backbone, head=head, clip=PEERS[name].clip)
