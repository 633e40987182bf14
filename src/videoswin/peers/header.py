"""How a peer is written in the header of its weights file, and read back. Plain values; it opens no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from videoswin.errors import ConfigError, WeightsError, printable
from videoswin.peers.build import PeerWeights
from videoswin.peers.config import PEERS, PeerConfig
from videoswin.values import ClipSpec

VERSION = 1
KEY = "peer"
"""Of the header; that of a Video Swin has none."""


def to_header(config: PeerConfig, *, labels: tuple[str, ...], notes: Mapping[str, str]) -> dict[str, object]:
    """Plain values for JSON. Raises ValueError if the number of labels is not that of classes."""
    if labels and len(labels) != config.num_classes:
        raise ValueError(f"{len(labels)} labels for {config.num_classes} classes; expected one each, or none")
    return {
        "version": VERSION,
        KEY: {"name": config.name, "num_classes": config.num_classes, "settings": dict(config.settings)},
        "labels": labels,
        "clip": asdict(config.clip),
        "notes": dict(notes),
    }


def from_header(
    header: Mapping[str, Any], tensors: Mapping[str, Tensor], *, path: str
) -> tuple[PeerConfig, PeerWeights]:
    """What `to_header` wrote, and the tensors of the file. Raises WeightsError if the header is damaged."""
    where = printable(path)
    if header.get("version") != VERSION:
        raise WeightsError(f"{where}: header version {header.get('version')!r}; this reads {VERSION}")
    try:
        peer = header[KEY]
        if peer["name"] not in PEERS:
            raise WeightsError(f"{where}: unknown peer {peer['name']!r}; known: {', '.join(PEERS)}")
        config = PeerConfig(
            name=peer["name"],
            num_classes=int(peer["num_classes"]),
            clip=ClipSpec(**header["clip"]),
            settings=dict(peer["settings"]),
        )
        labels = tuple(map(str, header["labels"]))
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise WeightsError(f"{where}: damaged header of a peer: {error}") from error
    head = _below("head.", tensors)
    sizes = {len(head.get("weight", ())), config.num_classes, len(labels) or config.num_classes}
    if len(sizes) > 1:
        raise WeightsError(f"{where}: head, header and labels name {sorted(sizes)} classes; expected as many")
    return config, PeerWeights(
        path=path,
        backbone=_below("backbone.", tensors),
        head=head,
        labels=labels,
        clip=config.clip,
        settings=config.settings,
    )


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
