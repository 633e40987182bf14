from __future__ import annotations

from pathlib import Path

import pytest

from tests.predict.material import LABELS, write_video, write_weights


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
