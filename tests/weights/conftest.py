from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of .pth files go to a folder of the test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(folder))
    return folder
