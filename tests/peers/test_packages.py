"""torchvision is loaded in processes of their own: here it may be loaded already."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.material import FOLDER, needs_torchvision
from videoswin.errors import ConfigError
from videoswin.peers import packages
from videoswin.peers.packages import require_library


def lines_of(code: str, *, path: str) -> list[str]:
    finished = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return (finished.stdout + finished.stderr).splitlines()


def test_a_missing_library_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(
        ConfigError, match=r"^the peer r3d_18 needs torchvision: pip install 'videoswin\[peers\]'$"
    ):
        require_library("r3d_18")


@needs_torchvision
def test_torchvision_loads_beside_any_torch_and_lightning_after_it() -> None:
    code = (
        "from videoswin.peers.packages import import_torchvision, require_library\n"
        "require_library('r3d_18')\n"
        "assert import_torchvision() is import_torchvision()\n"
        "import lightning.pytorch, torchmetrics\n"
        "print(import_torchvision().r3d_18.__name__)"
    )
    assert lines_of(code, path=FOLDER)[-1] == "r3d_18"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("raise RuntimeError('built for another torch')", "built for another torch"),
        ("import a_part_that_is_missing", "No module named 'a_part_that_is_missing'"),
    ],
)
def test_a_torchvision_that_cannot_load_is_named(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "torchvision.py").write_text(content)
    code = f"from {packages.__name__} import require_library\nrequire_library('r3d_18')"
    last = lines_of(code, path=str(tmp_path))[-1]
    assert last == f"videoswin.errors.ConfigError: torchvision cannot be imported: {reason}"
