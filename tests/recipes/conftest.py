from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.material import write_videos


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four readable videos of two classes."""
    return write_videos(tmp_path_factory.mktemp("videos"), per_class=2)
