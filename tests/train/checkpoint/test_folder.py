"""The newest good checkpoint is found, the last good ones are kept."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from tests.train.checkpoint.material import assert_equal, flip, names, snapshot
from videoswin.errors import CheckpointError
from videoswin.train.checkpoint import CheckpointFolder, read

MODEL = "model.safetensors"


def saved(folder: Path, *steps: int, keep: int = 9) -> CheckpointFolder:
    checkpoints = CheckpointFolder(folder)
    for step in steps:
        checkpoints.save(snapshot(step), keep=keep)
    return checkpoints


def found_step(folder: Path, log: list[str]) -> int | None:
    found = CheckpointFolder(folder).find(log.append)
    return None if found is None else found.step


def test_the_newest_is_found_and_an_empty_folder_has_none(tmp_path: Path) -> None:
    log: list[str] = []
    assert found_step(tmp_path / "no such folder", log) is None
    assert found_step(tmp_path, log) is None
    saved(tmp_path, 90, 100, 2_000_000_000)
    assert_equal(CheckpointFolder(tmp_path).find(log.append), snapshot(2_000_000_000))
    assert log == []


def test_t02_a_damaged_one_is_named_and_the_one_before_used(tmp_path: Path) -> None:
    saved(tmp_path, 700, 800, 900, 1000)
    flip(tmp_path / "step-00000900/optimizer.safetensors", 150)
    (tmp_path / "step-00001000" / MODEL).unlink()
    log: list[str] = []
    assert found_step(tmp_path, log) == 800
    assert log == [
        "step 1000 damaged (model.safetensors is missing); "
        "step 900 damaged (sha256 differs: optimizer.safetensors), using step 800"
    ]


def test_a_run_whose_checkpoints_are_all_damaged_does_not_start_again(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    for step in (1, 2):
        flip(tmp_path / f"step-0000000{step}" / MODEL, 90)
    with pytest.raises(CheckpointError, match=r"no checkpoint can be used: step 2 damaged .*; step 1 dam"):
        CheckpointFolder(tmp_path).find()


def test_folders_without_a_manifest_are_ignored_and_listed_and_stay(tmp_path: Path) -> None:
    saved(tmp_path, 5)
    (tmp_path / "step-00000009").mkdir()
    (tmp_path / "step-00000001").mkdir()
    (tmp_path / "notes").mkdir()
    log: list[str] = []
    assert found_step(tmp_path, log) == 5
    assert log == [f"{tmp_path / 'step-00000009'} has no MANIFEST.json: ignored"]
    saved(tmp_path, 6, keep=1)
    assert names(tmp_path) == ["notes", "step-00000001", "step-00000006", "step-00000009"]


def test_a_folder_that_holds_another_step_than_it_says_is_not_used(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    (tmp_path / "step-00000002").rename(tmp_path / "step-00000003")
    log: list[str] = []
    assert found_step(tmp_path, log) == 1
    assert log == ["step 3 damaged (it holds step 2), using step 1"]
    assert_equal(read(tmp_path / "step-00000003"), snapshot(2))  # by its own name it may be read


@pytest.mark.parametrize(("keep", "left"), [(1, [5]), (2, [4, 5]), (4, [2, 3, 4, 5])])
def test_the_newest_are_kept(tmp_path: Path, keep: int, left: list[int]) -> None:
    saved(tmp_path, 1, 2, 3, 4, 5, keep=keep)
    assert names(tmp_path) == [f"step-{step:08d}" for step in left]


def test_t22_only_good_ones_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = saved(tmp_path, 1, 2, 3)
    for step in (2, 3):
        flip(tmp_path / f"step-0000000{step}" / MODEL, 90)  # after `first` has found them good
    with caplog.at_level(logging.WARNING):
        first.save(snapshot(4), keep=2)
    assert names(tmp_path) == [f"step-0000000{step}" for step in (1, 2, 3, 4)]
    assert "step-00000003 damaged (sha256 differs: model.safetensors): not counted" in caplog.text
    first.save(snapshot(5), keep=2)  # 5 and 4 are good now
    assert names(tmp_path) == ["step-00000004", "step-00000005"]


def test_the_same_step_again_never_writes_over_the_first(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    again = snapshot(2, size=50)
    assert checkpoints.save(again).name == "step-00000002.1"
    assert names(tmp_path) == ["step-00000001", "step-00000002.1"]
    assert_equal(checkpoints.find(), again)
    assert checkpoints.save(again).name == "step-00000002.2"


def test_later_steps_are_of_a_history_that_was_left(tmp_path: Path) -> None:
    saved(tmp_path, 10, 20, 30)
    saved(tmp_path, 15)
    assert names(tmp_path) == ["step-00000010", "step-00000015"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = saved(tmp_path, 1).save(snapshot(2))
    shutil.copytree(path, tmp_path / ".tmp-step-00000003-4711")
    shutil.copytree(path, tmp_path / ".tmp-old-00000001.2-4711")
    (tmp_path / ".tmp-of-the-user").mkdir()
    log: list[str] = []
    assert found_step(tmp_path, log) == 2
    saved(tmp_path, 4)
    assert names(tmp_path) == [".tmp-of-the-user", "step-00000001", "step-00000002", "step-00000004"]


def test_t24_names_go_by_step_not_by_time(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    os.utime(tmp_path / "step-00000001", (2e9, 2e9))
    os.utime(tmp_path / "step-00000002", (0, 0))
    assert found_step(tmp_path, []) == 2


def test_keep_must_be_one_or_more(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep is 0; allowed: 1 or more"):
        CheckpointFolder(tmp_path).save(snapshot(1), keep=0)
