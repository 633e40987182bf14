from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.predict.material import LABELS, write_video, write_weights
from videoswin.data.dataset import BadVideo
from videoswin.data.samples import Sample
from videoswin.evaluate import Report, measure
from videoswin.values import ClipSpec, Views

ODD_NAME = 'videos/nice, "odd"\nname \udcff é.mp4'


@pytest.fixture(scope="session")
def micro_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights") / "micro.safetensors")


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine good videos, three in a folder of each class."""
    root = tmp_path_factory.mktemp("classes")
    for seed in range(9):
        write_video(root / LABELS[seed % 3] / f"{seed}.mp4", seed=seed)
    return root


@pytest.fixture
def report() -> Report:
    labels = ("jump", "run", "walk")
    samples = tuple(
        Sample(path=path, file=Path("/videos") / path, label=label)
        for path, label in (("a.mp4", 0), (ODD_NAME, 1), ("bad.mp4", 1), ("d.mp4", 1))
    )
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.0, 0.0, 0.0], [0.1, 0.9, 0.0]])
    is_read = torch.tensor([True, True, False, True])
    return Report(
        weights="runs/best.safetensors",
        source="test.csv",
        views=Views(clips=2, crops=1),
        clip=ClipSpec(num_frames=4, stride=1, size=32),
        precision="fp32",
        labels=labels,
        samples=samples,
        probabilities=probabilities,
        bad=(BadVideo(index=2, path="bad.mp4", label=1, code="V05", reason="an HTML page"),),
        metrics=measure(probabilities, torch.tensor([0, 1, 1, 1]), is_read),
    )
