"""Folders and repositories: written, read, pushed to and fetched from a Hub on this machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.hub.conftest import NOTES, use_hub_at
from tests.hub.server import Hub
from tests.predict.material import CLIP, LABELS
from videoswin import weights
from videoswin.errors import ConfigError, StorageError, WeightsError
from videoswin.model import VideoSwin
from videoswin.values import ClipSpec, Views

CLIPS = torch.randint(
    0, 256, (2, 3, 4, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
FILES = ["README.md", "config.json", "model.safetensors", "video_preprocessor_config.json"]


def test_folder_gives_everything_back(hub: Any, model: VideoSwin, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == FILES
    loaded = hub.from_pretrained(folder)
    assert not loaded.training
    assert torch.equal(loaded(CLIPS), model(CLIPS))
    found = weights.read(hub.fetch(folder))
    assert (found.config, found.labels, found.clip, found.notes) == (model.config, LABELS, CLIP, NOTES)


def test_import_gives_the_model_its_methods(hub: Any, model: VideoSwin, tmp_path: Path) -> None:
    swin: Any = VideoSwin
    model_with_methods: Any = model
    assert model_with_methods.save_pretrained(tmp_path / "x", labels=LABELS, clip=CLIP) == tmp_path / "x"
    assert torch.equal(swin.from_pretrained(tmp_path / "x")(CLIPS), model(CLIPS))
    assert swin.push_to_hub is hub.push_to_hub


def test_another_number_of_classes_starts_a_new_head(hub: Any, folder: Path) -> None:
    assert hub.from_pretrained(folder, num_classes=7)(CLIPS).shape == (2, 7)


def test_views_are_the_papers_unless_given(hub: Any, model: VideoSwin, tmp_path: Path) -> None:
    def views_of(name: str, clip: ClipSpec, views: Views | None) -> Any:
        hub.save_pretrained(model, tmp_path / name, labels=(), clip=clip, views=views)
        return json.loads((tmp_path / name / "video_preprocessor_config.json").read_text())["views"]

    assert views_of("dense", CLIP, None) == "4x3"
    assert views_of("uniform", ClipSpec(size=32, sampling="uniform"), None) == "1x3"
    assert views_of("given", CLIP, Views(clips=2, crops=1)) == "2x1"


def test_wrong_facts_are_refused_before_anything_is_written(
    hub: Any, model: VideoSwin, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="2 labels for 3 classes"):
        hub.save_pretrained(model, tmp_path / "x", labels=("a", "b"), clip=CLIP)
    uniform = ClipSpec(size=32, sampling="uniform")
    with pytest.raises(ConfigError, match=r"4 clips, but with uniform sampling"):
        hub.save_pretrained(model, tmp_path / "y", labels=(), clip=uniform, views=Views(clips=4, crops=3))
    with pytest.raises(ConfigError, match=r"absent\.json: cannot be read"):
        hub.save_pretrained(model, tmp_path / "z", labels=(), clip=CLIP, report=tmp_path / "absent.json")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_unwritable_folder_is_named(hub: Any, model: VideoSwin, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot make the folder .*file"):
        hub.save_pretrained(model, tmp_path / "file", labels=(), clip=CLIP)


def test_folder_without_weights_is_named(hub: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model\.safetensors: cannot be read"):
        hub.from_pretrained(tmp_path)


def test_push_uploads_what_save_writes_and_loads_again(
    hub: Any, model: VideoSwin, folder: Path, hub_server: Hub
) -> None:
    address = hub.push_to_hub(model, "me/micro", labels=LABELS, clip=CLIP, notes=NOTES, private=True)
    assert address == f"{hub_server.address}/me/micro"
    assert hub_server.created[0]["visibility"] == "private"
    uploaded = hub_server.repositories["me/micro"]
    assert sorted(uploaded) == FILES
    for name in FILES:
        if name != "README.md":
            assert uploaded[name] == (folder / name).read_bytes()
    assert b'pipeline("video-classification", model="me/micro")' in uploaded["README.md"]
    assert torch.equal(hub.from_pretrained("me/micro")(CLIPS), model(CLIPS))
    hub_server.repositories.clear()
    assert torch.equal(hub.from_pretrained("me/micro")(CLIPS), model(CLIPS)), "not from the cache"


def test_what_the_hub_refuses_is_one_line(hub: Any, model: VideoSwin, hub_server: Hub) -> None:
    hub_server.repositories["me/empty"] = {}
    for name in ("me/absent", "me/empty", "not/a/name"):
        with pytest.raises(WeightsError, match=f"^{name}: no such folder, and not to be had from http") as no:
            hub.from_pretrained(name)
        assert "\n" not in str(no.value)
    with pytest.raises(StorageError, match=r'^cannot push to me/x at http.*"license" must be one of') as no:
        hub.push_to_hub(model, "me/x", labels=LABELS, clip=CLIP, license="mine")
    assert "\n" not in str(no.value)


@pytest.fixture
def no_network(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with socket.socket() as unused:  # bound, not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        use_hub_at(f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path, monkeypatch)
        yield


def test_offline_mode_is_one_line(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    use_hub_at("http://127.0.0.1:9", tmp_path, monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"^me/micro: no such folder, and not to be had from") as no:
        hub.from_pretrained("me/micro")
    assert "\n" not in str(no.value)


@pytest.mark.slow  # huggingface_hub tries again for half a minute
@pytest.mark.usefixtures("no_network")
def test_without_network_it_is_one_line(hub: Any, model: VideoSwin) -> None:
    with pytest.raises(WeightsError, match=r"^me/micro: no such folder, and not to be had from") as no:
        hub.from_pretrained("me/micro")
    assert "\n" not in str(no.value)
    with pytest.raises(StorageError, match=r"^cannot push to me/micro at http") as no:
        hub.push_to_hub(model, "me/micro", labels=LABELS, clip=CLIP)
    assert "\n" not in str(no.value)
