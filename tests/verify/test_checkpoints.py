"""G3, T02: a good checkpoint is there whenever the process dies; and what holds videoswin to it can see when
it is not so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.train.checkpoint.material import flip, names
from videoswin.errors import ConfigError
from videoswin.faults import POINTS
from videoswin.train.checkpoint import CheckpointFolder, Snapshot
from videoswin.verify import checkpoints as module
from videoswin.verify.checkpoints import CheckpointsConfig, verify_checkpoints
from videoswin.verify.saver import Ended, Job, is_of_its_step, saver, snapshot_of


def test_t02_g3_a_good_checkpoint_is_there_after_a_kill_at_every_point_and_at_random() -> None:
    told: list[str] = []
    checks = verify_checkpoints(CheckpointsConfig(kills=15, positions=20, seed=0), progress=told.append)
    assert [check for check in checks if check.result != "kept"] == []
    points = [point for point in POINTS if point.startswith("checkpoint.")]
    assert [check.what for check in checks[: len(points)]] == [f"killed at {point}" for point in points]
    numbers = {check.what: check.numbers for check in checks}
    assert numbers["killed at checkpoint.file_half"] == "15 times"  # 5 files, 3 saves
    assert numbers["killed at checkpoint.removal_half"] == "1 times"
    assert numbers["killed at random"].startswith("15 times, ")
    assert sum("changed of" in what for what in numbers) == 5
    assert len(told) == len(points) + 2


def save(folder: Path, *steps: int) -> None:
    for step in steps:
        CheckpointFolder(folder).save(snapshot_of(step), keep=9)


def other_content(folder: Path) -> None:
    CheckpointFolder(folder).save(
        Snapshot(step=3, tensors=snapshot_of(2).tensors, state=snapshot_of(3).state)
    )


def damaged_older(folder: Path) -> None:
    flip(folder / "step-00000001/model.safetensors", 500)


def damaged_newest(folder: Path) -> None:
    flip(folder / "step-00000002/model.safetensors", 500)


def all_damaged(folder: Path) -> None:
    damaged_older(folder)
    damaged_newest(folder)


def all_gone(folder: Path) -> None:
    for path in folder.iterdir():
        path.rename(folder.parent / path.name)


def nothing(folder: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "saved", "error", "expected"),
    [
        (nothing, [1, 2], "", []),
        (nothing, [], "ValueError: no", ["ValueError: no"]),
        (nothing, [1, 2, 3], "", ["the newest is step 2, though step 3 was saved"]),
        (other_content, [3], "", ["step 3 holds something else"]),
        (damaged_older, [2], "", ["step-00000001: sha256 differs: model.safetensors"]),
        (damaged_newest, [1], "", ["step 2 damaged", "step-00000002: sha256 differs"]),
        (all_damaged, [2], "", ["no checkpoint can be used: step 2 damaged"]),
        (all_gone, [2], "", ["no checkpoint, though step 2 was saved"]),
        (all_gone, [], "", []),
    ],
)
def test_every_broken_promise_is_seen(
    change: Callable[[Path], None], saved: list[int], error: str, expected: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints"
    save(folder, 1, 2)
    change(folder)
    found = module._problems(folder, Ended(saved=saved, is_killed=True, error=error), before=0)
    assert len(found) == len(expected)
    for line, part in zip(found, expected, strict=True):
        assert part in line


def test_the_process_says_what_it_saved_and_how_it_ended(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    with saver() as saving:
        assert saving.run(Job(folder=str(folder), first=3, saves=2)) == Ended(
            saved=[3, 4], is_killed=False, error=""
        )
        killed = saving.run(Job(folder=str(folder), first=5, saves=2, fault="checkpoint.renamed@2"))
        assert killed == Ended(saved=[5], is_killed=True, error="")
        killed = saving.run(Job(folder=str(folder), first=7, saves=10_000, kill_after=0.05))
        assert killed.is_killed
        limited = saving.run(Job(folder=str(folder), first=20_000, saves=1, max_bytes=10))
        assert limited.error.startswith("cannot save step 20000 in ")
        wrong = saving.run(Job(folder=str(folder), first=1, saves=1, fault="nowhere@1"))
        assert wrong.error.startswith("ConfigError: VIDEOSWIN_FAULT is 'nowhere@1'")
    assert all(name.startswith(("step-", ".tmp-")) for name in names(folder))


def test_a_snapshot_is_recognised_by_every_part() -> None:
    good = snapshot_of(4)
    assert is_of_its_step(good)
    assert not is_of_its_step(Snapshot(step=5, tensors=good.tensors, state=good.state))
    assert not is_of_its_step(Snapshot(step=4, tensors=good.tensors, state=good.state | {"loss": 0}))
    for group in good.tensors:
        changed = snapshot_of(4).copied()
        tensor = next(iter(changed.tensors[group].values()))
        tensor[0] = ~tensor[0] if tensor.dtype == torch.bool else tensor[0] + 1
        assert not is_of_its_step(changed)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kills": 0}, "kills is 0; allowed: 1 or more"),
        ({"positions": 0}, "positions is 0; allowed: 1 or more"),
        ({"seed": -1}, "seed is -1; allowed: 0 or more"),
    ],
)
def test_wrong_values(values: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CheckpointsConfig(**({"kills": 1, "positions": 1, "seed": 0} | values))
