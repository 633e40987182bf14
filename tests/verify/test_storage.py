"""G12: a full or read-only disk costs nothing that is saved; and what holds videoswin to it can see when it
does. The whole runs in tests/cli/test_verify.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.checkpoint.material import flip
from videoswin.verify import storage as module
from videoswin.verify.saver import Ended

GOOD = (
    "cannot save step 2 in {folder}: No space left on device; 40,488 bytes needed, 0 free; "
    "the checkpoints before it are as they were"
)


def problems(folder: Path, error: str) -> list[str]:
    before = module._first_save(folder)
    ended = Ended(saved=[], is_killed=False, error=error.format(folder=folder))
    return module._problems(folder, ended, before, "No space left on device")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GOOD, []),
        ("", ["no error"]),
        (GOOD.replace("40,488 bytes", "bytes"), ["bytes needed"]),
        (GOOD.replace("No space left", "No such"), ["No such"]),
        (GOOD.replace("{folder}", "there"), ["in there"]),
    ],
)
def test_the_message_has_folder_cause_and_bytes(error: str, expected: list[str], tmp_path: Path) -> None:
    found = problems(tmp_path, error)
    assert len(found) == len(expected)
    assert all(part in line for line, part in zip(found, expected, strict=True))


def test_what_is_left_behind_or_lost_is_seen(tmp_path: Path) -> None:
    before = module._first_save(tmp_path)
    ended = Ended(saved=[], is_killed=False, error=GOOD.format(folder=tmp_path))
    flip(tmp_path / "step-00000001/model.safetensors", 900)
    (tmp_path / "step-00000001/MANIFEST.json").touch()
    with pytest.raises(Exception, match="no checkpoint can be used"):
        module._problems(tmp_path, ended, before, "No space left on device")
    flip(tmp_path / "step-00000001/model.safetensors", 900)
    found = module._problems(tmp_path, ended, before, "No space left on device")
    assert found == [
        "MANIFEST.json: time of change changed",
        "model.safetensors: time of change changed",
    ]
    (tmp_path / ".tmp-step-00000002-1").mkdir()
    found = module._problems(tmp_path, ended, before, "No space left on device")
    assert found == ["the folder holds .tmp-step-00000002-1, step-00000001"]
