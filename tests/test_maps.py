"""The map of a large package in its docstring names every file, so that the listing can be read with it."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import videoswin.data
import videoswin.train


@pytest.mark.parametrize("package", [videoswin.data, videoswin.train], ids=["data", "train"])
def test_every_file_is_on_the_map(package: ModuleType) -> None:
    folder = Path(str(package.__file__)).parent
    named = set(re.findall(r"\w+", package.__doc__ or ""))
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} <= named
