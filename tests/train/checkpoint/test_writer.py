"""Saving in a thread saves the step it names, and no fault is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.train.checkpoint.material import assert_equal, names, snapshot
from videoswin.errors import StorageError
from videoswin.train.checkpoint import CheckpointFolder, Writer


def writer(folder: Path, *, asynchronous: bool, keep: int = 2) -> Writer:
    return Writer(CheckpointFolder(folder), keep=keep, asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_newest_are_there_after_closing(tmp_path: Path, asynchronous: bool) -> None:
    saving = writer(tmp_path, asynchronous=asynchronous)
    for step in (1, 2, 3):
        saving.save(snapshot(step))
    saving.close()
    assert names(tmp_path) == ["step-00000002", "step-00000003"]


def test_t23_weights_that_change_while_they_are_saved(tmp_path: Path) -> None:
    live = snapshot(1, size=2_000_000)
    expected = live.copied()
    saving = writer(tmp_path, asynchronous=True)
    saving.save(live)
    with torch.no_grad():
        for tensors in live.tensors.values():
            for tensor in tensors.values():
                tensor.zero_()
    live.state["epoch"] = -1
    saving.close()
    assert_equal(CheckpointFolder(tmp_path).find(), expected)


def test_a_fault_in_the_thread_is_raised_at_the_next_call_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoints"
    saving = writer(folder, asynchronous=True)
    saving.save(snapshot(1))
    with pytest.raises(StorageError, match=r"cannot save step 1 in .*No such file or directory"):
        saving.save(snapshot(2))
    folder.parent.mkdir()
    saving.save(snapshot(3))
    saving.close()
    assert names(folder) == ["step-00000003"]
    folder.rename(tmp_path / "moved")
    folder.parent.rmdir()
    saving = writer(folder, asynchronous=True)
    saving.save(snapshot(4))
    with pytest.raises(StorageError, match="cannot save step 4"):
        saving.close()
    saving.close()


def test_a_fault_is_raised_at_once_without_a_thread(tmp_path: Path) -> None:
    saving = writer(tmp_path / "run" / "checkpoints", asynchronous=False)
    with pytest.raises(StorageError, match="cannot save step 1"):
        saving.save(snapshot(1))
    saving.close()
