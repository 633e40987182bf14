from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.peers.material import (
    CLIP,
    find_torchvision,
    library_model,
    needs_torchvision,
    write_folder,
)
from videoswin.errors import ConfigError, WeightsError
from videoswin.peers.config import PEERS
from videoswin.peers.packages import import_torchvision
from videoswin.predict.classifier import save_classifier
from videoswin.predict.peer_weights import read_published, read_weights_of

LABELS = ("jump", "run", "walk")


def test_a_folder_of_transformers_is_a_classifier(tmp_path: Path) -> None:
    found = read_published("timesformer", write_folder(tmp_path / "folder", "timesformer", labels=LABELS))
    assert (found.labels, found.num_classes) == (LABELS, 3)
    assert (found.clip.num_frames, found.clip.stride, found.clip.size) == (4, 32, 32)


def test_what_is_saved_of_it_is_of_this_peer_alone(tmp_path: Path) -> None:
    found = read_published("vivit", write_folder(tmp_path / "folder", "vivit", labels=LABELS))
    path = str(tmp_path / "vivit.safetensors")
    save_classifier(Path(path), found.model, labels=LABELS, clip=found.clip, notes={})
    weights = read_weights_of("vivit", path)
    assert torch.equal(weights.head["weight"], found.model.get_parameter("head.weight"))
    with pytest.raises(ConfigError, match=r"vivit\.safetensors is of the peer vivit, and peer is videomae$"):
        read_weights_of("videomae", path)


def test_pretraining_has_no_classifier(tmp_path: Path) -> None:
    library_model("vjepa2", labels=LABELS).get_submodule("vjepa2").save_pretrained(tmp_path / "folder")
    with pytest.raises(WeightsError, match=r"folder: no classifier in it; train one with --peer vjepa2$"):
        read_published("vjepa2", tmp_path / "folder")


def test_a_peer_of_transformers_wants_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nothing: no folder; weights of vivit are a folder"):
        read_weights_of("vivit", str(tmp_path / "nothing"))


@needs_torchvision
def test_a_state_dict_of_torchvision_gives_its_logits(tmp_path: Path) -> None:
    find_torchvision()
    torch.manual_seed(0)
    theirs = import_torchvision().mc3_18(num_classes=3).eval()
    torch.save(theirs.state_dict(), tmp_path / "mc3_18.pth")
    found = read_published("mc3_18", tmp_path / "mc3_18.pth")
    assert (found.labels, found.num_classes, found.clip) == ((), 3, PEERS["mc3_18"].clip)
    clips = torch.randn(1, 3, CLIP.num_frames, CLIP.size, CLIP.size)
    with torch.inference_mode():
        torch.testing.assert_close(found.model.eval()(clips), theirs(clips))


@needs_torchvision
def test_a_file_of_torchvision_that_can_not_be_read(tmp_path: Path) -> None:
    find_torchvision()
    (tmp_path / "page.pth").write_text("<!DOCTYPE html>")
    with pytest.raises(WeightsError, match=r"page\.pth: an HTML page, probably a failed download"):
        read_weights_of("r3d_18", str(tmp_path / "page.pth"))
