"""A saved folder, a video and a local Hub. Everything here skips where transformers is absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.server import Hub, running_hub
from tests.predict.material import CLIP, LABELS, write_video, write_weights
from videoswin import weights
from videoswin.model import VideoSwin

NOTES = {"data": "three kinds of motion"}


@pytest.fixture(scope="session")
def hub() -> Any:
    """The package under test."""
    pytest.importorskip("huggingface_hub")
    pytest.importorskip("transformers")
    return pytest.importorskip("videoswin.hub")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> VideoSwin:
    return weights.load(write_weights(tmp_path_factory.mktemp("weights") / "micro.safetensors"))


@pytest.fixture(scope="session")
def folder(hub: Any, model: VideoSwin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as `save_pretrained` writes it; tests don't write into it."""
    path = tmp_path_factory.mktemp("saved") / "micro"
    hub.save_pretrained(model, path, labels=LABELS, clip=CLIP, notes=NOTES)
    return path


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "clip.mp4", seed=1, num_frames=30)


@pytest.fixture
def hub_server(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine to which huggingface_hub speaks instead of the real one."""
    with running_hub() as server:
        use_hub_at(server.address, tmp_path, monkeypatch)
        yield server


def use_hub_at(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT, HF_HOME and HF_TOKEN set, which huggingface_hub reads at import."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_local")
