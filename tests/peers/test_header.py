from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from tests.peers.material import CLIP, SETTINGS
from videoswin.errors import WeightsError
from videoswin.peers.build import build
from videoswin.peers.config import PeerConfig
from videoswin.peers.header import from_header, to_header

CONFIG = PeerConfig(name="vivit", num_classes=2, clip=CLIP, settings=SETTINGS["vivit"])
LABELS = ("sit", "stand")


def written() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(to_header(CONFIG, labels=LABELS, notes={"epoch": "1"})))
    return found


def test_a_peer_comes_back() -> None:
    model = build(CONFIG)
    config, weights = from_header(written(), model.state_dict(), path="file")
    assert config == CONFIG
    assert (weights.labels, weights.clip, weights.path) == (LABELS, CLIP, "file")
    assert {f"backbone.{name}" for name in weights.backbone} | {
        f"head.{name}" for name in weights.head
    } == set(model.state_dict())


def test_labels_are_one_a_class() -> None:
    with pytest.raises(ValueError, match=r"^3 labels for 2 classes; expected one each, or none$"):
        to_header(CONFIG, labels=("a", "b", "c"), notes={})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 7}, "header version 7; this reads 1"),
        ({"peer": {"num_classes": 2}}, "damaged header of a peer: 'name'"),
        ({"peer": {"name": "resnet"}}, "unknown peer 'resnet'; known: r3d_18, "),
        ({"peer": {"name": ["vivit"]}}, "damaged header of a peer: "),
        ({"peer": 3}, "damaged header of a peer: "),
        ({"clip": {"num_frames": 0}}, "damaged header of a peer: clip.num_frames is 0"),
        ({"labels": None}, "damaged header of a peer: "),
        ({"labels": ["a", "b", "c"]}, r"head, header and labels name \[2, 3\] classes; expected as many"),
    ],
)
def test_damaged_headers_are_refused(changes: dict[str, Any], reason: str) -> None:
    head = {"head.weight": torch.zeros(2, 16), "head.bias": torch.zeros(2)}
    with pytest.raises(WeightsError, match=f"^file: {reason}"):
        from_header({**written(), **changes}, head, path="file")
