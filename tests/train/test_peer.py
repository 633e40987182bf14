from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.peers.material import CLIP, SETTINGS, find_torchvision, needs_torchvision, write_folder
from tests.train.material import micro_config
from videoswin.errors import ConfigError, WeightsError
from videoswin.peers.build import PeerWeights, build
from videoswin.peers.config import PEERS, PeerConfig
from videoswin.peers.model import PeerModel
from videoswin.peers.packages import import_torchvision
from videoswin.predict.classifier import save_classifier
from videoswin.train.begin import begin
from videoswin.train.config import TrainConfig
from videoswin.train.peer import build_peer, choose_peer_clip, read_peer_weights
from videoswin.values import ClipSpec

LABELS = ("jump", "run", "walk")


@pytest.fixture(autouse=True)
def _spoken(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="videoswin")


def config_of(peer: str, *, weights: Path | str = "", clip: ClipSpec | None = None) -> TrainConfig:
    plain = micro_config(Path("videos"), Path("run"), model=None, clip=clip, weights=str(weights))
    return replace(plain, peer=peer)


def read(config: TrainConfig) -> PeerWeights:
    found = read_peer_weights(config)
    assert found is not None
    return found


def test_without_weights_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert read_peer_weights(config_of("vivit")) is None
    assert caplog.messages == [
        "training from scratch: no pretrained weights named (--weights PATH to fine-tune)"
    ]


@pytest.mark.parametrize(
    ("clip", "expected"), [(None, PEERS["videomae"].clip), (CLIP, CLIP)], ids=["published", "own"]
)
def test_the_clip_from_scratch(clip: ClipSpec | None, expected: ClipSpec) -> None:
    assert choose_peer_clip(config_of("videomae", clip=clip), None) == expected


def test_a_clip_that_does_not_fit_ends_the_run_at_once() -> None:
    with pytest.raises(ConfigError, match=r"^clip has 5 frames of 32 px; vivit takes multiples of 2"):
        begin(config_of("vivit", clip=ClipSpec(num_frames=5, size=32)))


def test_a_folder_of_transformers_keeps_its_head_for_the_same_labels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of("vivit", weights=write_folder(tmp_path / "folder", "vivit", labels=LABELS))
    weights = read(config)
    clip = choose_peer_clip(config, weights)
    assert (weights.labels, clip.num_frames, clip.size) == (LABELS, 4, 32)
    caplog.clear()
    kept = build_peer(config, weights, clip=clip, labels=LABELS)
    assert torch.equal(kept.head.weight, weights.head["weight"])
    assert caplog.messages == [
        "vivit has no stochastic depth: drop_path_rate 0.1 is not used",
        f"head of {config.weights} kept: it names the same 3 labels as the data",
    ]
    renewed = build_peer(config, weights, clip=clip, labels=("jump", "run", "swim"))
    assert not torch.equal(renewed.head.weight, weights.head["weight"])
    assert (
        f"new head: the labels of {config.weights} are not those of the data, though as many"
        in caplog.messages
    )


def test_a_run_goes_on_from_the_file_of_another(tmp_path: Path) -> None:
    first = build(PeerConfig(name="vjepa2", num_classes=3, clip=CLIP, settings=SETTINGS["vjepa2"]))
    save_classifier(tmp_path / "last.safetensors", first, labels=LABELS, clip=CLIP, notes={})
    beginning = begin(config_of("vjepa2", weights=tmp_path / "last.safetensors"))
    assert (beginning.known_labels, beginning.clip) == (LABELS, CLIP)
    model = beginning.build(LABELS)
    assert isinstance(model, PeerModel)
    assert model.dropout.p == 0.5
    for name, tensor in first.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


@needs_torchvision
def test_a_state_dict_of_torchvision(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    find_torchvision()
    theirs = import_torchvision().mc3_18(num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "mc3_18.pth")
    config = config_of("mc3_18", weights=tmp_path / "mc3_18.pth")
    weights = read(config)
    assert (weights.labels, weights.clip) == ((), PEERS["mc3_18"].clip)
    model = build_peer(config, weights, clip=CLIP, labels=LABELS)
    assert torch.equal(model.head.weight, theirs.fc.weight)
    assert caplog.messages[-1].endswith(
        "mc3_18.pth kept: as many classes as the data, though it does not name them"
    )
    with pytest.raises(WeightsError, match=r"mc3_18\.pth: tensors do not fit r3d_18; "):
        build_peer(replace(config, peer="r3d_18"), weights, clip=CLIP, labels=LABELS)
