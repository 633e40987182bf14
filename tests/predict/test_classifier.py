from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.peers.material import CLIP, SETTINGS
from videoswin import weights
from videoswin.errors import WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.peers.build import build
from videoswin.peers.config import PeerConfig
from videoswin.peers.model import PeerModel
from videoswin.predict import Predictor
from videoswin.predict.classifier import is_peer, read_classifier, read_peer, save_classifier
from videoswin.values import ClipSpec, Views
from videoswin.weights.inspection import inspect

LABELS = ("jump", "run", "walk")


@pytest.fixture
def peer() -> PeerModel:
    torch.manual_seed(0)
    model = build(PeerConfig(name="vivit", num_classes=3, clip=CLIP, settings=SETTINGS["vivit"]))
    torch.nn.init.normal_(model.head.weight)
    return model.eval()


@pytest.fixture
def file(peer: PeerModel, tmp_path: Path) -> Path:
    path = tmp_path / "peer.safetensors"
    save_classifier(path, peer, labels=LABELS, clip=CLIP, notes={"epoch": "3"})
    return path


def test_a_saved_peer_comes_back_with_what_it_knows(peer: PeerModel, file: Path) -> None:
    found = read_classifier(file)
    assert (found.labels, found.num_classes, found.clip) == (LABELS, 3, CLIP)
    clips = torch.randint(0, 256, (2, 3, 4, 32, 32)).byte()
    with torch.inference_mode():
        assert torch.equal(found.model.eval()(clips), peer(clips))


def test_equal_peers_give_equal_bytes(peer: PeerModel, file: Path, tmp_path: Path) -> None:
    save_classifier(tmp_path / "again", peer, labels=LABELS, clip=CLIP, notes={"epoch": "3"})
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_a_video_swin_is_written_and_read_as_before(tmp_path: Path) -> None:
    config = SwinConfig(embed_dim=16, depths=(1,), num_heads=(1,), window=(2, 4, 4), num_classes=3)
    path = tmp_path / "swin.safetensors"
    save_classifier(path, VideoSwin(config), labels=LABELS, clip=CLIP, notes={})
    found = read_classifier(path)
    assert isinstance(found.model, VideoSwin)
    assert (found.labels, found.num_classes, found.clip) == (LABELS, 3, CLIP)
    assert not is_peer(path)
    assert weights.read(path).config == config


def test_a_peer_predicts_as_a_video_swin_does(file: Path, video: Path) -> None:
    prediction = Predictor(file, views=Views(clips=2, crops=3))(video)
    assert set(prediction.labels) == set(LABELS)
    assert sum(prediction.probabilities) == pytest.approx(1)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x10" + bytes(7) + b'{"a": 1}'])
def test_what_is_no_peer(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert not is_peer(tmp_path / "file")


def test_names_and_folders_are_no_peers(tmp_path: Path) -> None:
    assert not is_peer("k400-swin-t")
    assert not is_peer(tmp_path)


def test_a_damaged_peer_is_refused_in_one_line(peer: PeerModel, tmp_path: Path) -> None:
    peer.head = torch.nn.Linear(16, 4)
    path = tmp_path / "peer.safetensors"
    save_classifier(path, peer, labels=LABELS, clip=CLIP, notes={})
    with pytest.raises(WeightsError, match=r"peer\.safetensors: head, header and labels name \[3, 4\]"):
        read_peer(path)


def test_a_peer_is_no_video_swin(file: Path) -> None:
    with pytest.raises(WeightsError, match=r"peer\.safetensors: weights of a peer, not of a Video Swin; "):
        weights.read(file)


def test_inspection_names_the_peer(file: Path) -> None:
    found = inspect(file)
    assert (found.source_format, found.is_sound, found.config) == ("peer vivit", True, None)


def test_the_clip_is_the_one_it_was_built_for(peer: PeerModel, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        save_classifier(tmp_path / "x", peer, labels=LABELS, clip=ClipSpec(), notes={})
