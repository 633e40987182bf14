"""Where a run of a peer starts: its weights with a head for the data's classes, or initial values."""

from __future__ import annotations

import logging

from videoswin.errors import printable
from videoswin.peers.build import PeerWeights, build, require_clip
from videoswin.peers.config import PEERS, PeerConfig, peer_name
from videoswin.peers.model import PeerModel
from videoswin.peers.packages import require_library
from videoswin.predict.peer_weights import read_weights_of
from videoswin.train.config import TrainConfig
from videoswin.train.start import say_from_scratch
from videoswin.values import ClipSpec

logger = logging.getLogger(__name__)


def read_peer_weights(config: TrainConfig) -> PeerWeights | None:
    """The weights that a run of a peer names, or None, which one line says. Raises as `read_weights_of`."""
    name = peer_name(config.peer)
    require_library(name)
    if config.weights == "":
        say_from_scratch(config)
        return None
    return read_weights_of(name, config.weights, clip=config.clip)


def choose_peer_clip(config: TrainConfig, weights: PeerWeights | None) -> ClipSpec:
    """What the run names, else that of the weights, else the published one. Raises ConfigError if the peer
    can't take it."""
    name = peer_name(config.peer)
    clip = config.clip or (PEERS[name].clip if weights is None else weights.clip)
    settings = {} if weights is None else weights.settings
    require_clip(PeerConfig(name=name, num_classes=1, clip=clip, settings=settings))
    return clip


def build_peer(
    config: TrainConfig, weights: PeerWeights | None, *, clip: ClipSpec, labels: tuple[str, ...]
) -> PeerModel:
    """The peer with one class a label. A head that names other labels starts anew."""
    name = peer_name(config.peer)
    has_rate = PEERS[name].has_drop_path
    if config.drop_path_rate and not has_rate:
        logger.info(f"{name} has no stochastic depth: drop_path_rate {config.drop_path_rate:g} is not used")
    model = build(
        PeerConfig(
            name=name,
            num_classes=len(labels),
            clip=clip,
            settings={} if weights is None else weights.settings,
        ),
        weights=weights,
        drop_path_rate=config.drop_path_rate if has_rate else 0.0,
        head_dropout=config.head_dropout,
        checkpoint_blocks=config.recompute_stages > 0,
    )
    if weights is not None and len(weights.head.get("weight", ())) == len(labels):
        # Else `build` has made the new head, and said so.
        _keep_or_renew(model, weights, labels)
    return model


def _keep_or_renew(model: PeerModel, weights: PeerWeights, labels: tuple[str, ...]) -> None:
    """A head with as many classes as the data stays unless it is known to name others."""
    path = printable(weights.path)
    if weights.labels == ():
        logger.info(f"head of {path} kept: as many classes as the data, though it does not name them")
    elif weights.labels == labels:
        logger.info(f"head of {path} kept: it names the same {len(labels)} labels as the data")
    else:
        logger.info(f"new head: the labels of {path} are not those of the data, though as many")
        model.renew_head()
