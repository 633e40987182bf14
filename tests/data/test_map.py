"""The map of the package in its docstring names every file, so that the listing can be read with it."""

from __future__ import annotations

import re
from pathlib import Path

import videoswin.data


def test_every_file_is_on_the_map() -> None:
    folder = Path(str(videoswin.data.__file__)).parent
    named = set(re.findall(r"\w+", videoswin.data.__doc__ or ""))
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} <= named
