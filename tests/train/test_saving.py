"""When a real, tiny run saves, and how it stops."""

from __future__ import annotations

import csv
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.material import micro_config
from videoswin.errors import CheckpointError, Stopped, StorageError
from videoswin.train.checkpoint import CheckpointFolder, Snapshot, read
from videoswin.train.config import TrainConfig
from videoswin.train.run import train
from videoswin.train.scale_config import CheckpointConfig
from videoswin.train.signals import NUMBERS
from videoswin.train.speed import Pace

UPDATES = 2
"""Of an epoch: six videos, three an update."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """One thread, for equal bits. However a run ends, signals do what they did before."""
    threads = torch.get_num_threads()
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    assert {number: signal.getsignal(number) for number in NUMBERS} == handlers


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that were saved, in order."""
    steps: list[int] = []
    save = CheckpointFolder.save

    def count(self: CheckpointFolder, snapshot: Snapshot, **options: Any) -> Path:
        steps.append(snapshot.step)
        return save(self, snapshot, **options)

    monkeypatch.setattr(CheckpointFolder, "save", count)
    return steps


def config_of(videos: Path, output: Path, *, epochs: int = 2, **plan: Any) -> TrainConfig:
    return replace(micro_config(videos, output, epochs=epochs), checkpoint=CheckpointConfig(**plan))


def at(monkeypatch: pytest.MonkeyPatch, hook: str, times: int, action: Callable[[], None]) -> None:
    """Do `action` the n-th time that the run comes to a hook of Pace."""
    original, count = getattr(Pace, hook), 0

    def act(self: Pace, *arguments: Any, **named: Any) -> None:
        nonlocal count
        original(self, *arguments, **named)
        count += 1
        if count == times:
            action()

    monkeypatch.setattr(Pace, hook, act)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({}, [2, 4]),  # always at the end of an epoch
        ({"minutes": 0, "updates": 0}, [2, 4]),
        ({"updates": 1}, [1, 2, 3, 4]),
        ({"updates": 3}, [2, 4]),  # three since the last, which an epoch's end made
        ({"minutes": 1e-6}, [1, 2, 3, 4]),
    ],
)
def test_when_a_run_saves(
    plan: dict[str, Any], expected: list[int], saved: list[int], videos: Path, tmp_path: Path
) -> None:
    train(config_of(videos, tmp_path / "out", **plan))
    assert saved == expected


def test_so_many_checkpoints_stay(videos: Path, tmp_path: Path) -> None:
    train(config_of(videos, tmp_path / "out", updates=1, keep=2))
    found = sorted(path.name for path in (tmp_path / "out" / "checkpoints").iterdir())
    assert found == ["step-00000003", "step-00000004"]


def test_what_is_saved_is_what_the_last_update_left(videos: Path, tmp_path: Path) -> None:
    result = train(replace(config_of(videos, tmp_path / "out", updates=1, keep=9), ema_decay=0.5))
    snapshots = {step: read(result.output / "checkpoints" / f"step-{step:08d}") for step in (1, 2, 3, 4)}
    table = result.output / "metrics.csv"
    content = table.read_bytes()
    with table.open(newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file) if row["learning_rate"]]
    for step, snapshot in snapshots.items():
        state = snapshot.state
        assert set(snapshot.tensors) == {"model", "optimizer", "ema"}
        counts = [count for name, count in snapshot.tensors["optimizer"].items() if name.endswith(".step")]
        assert {float(count) for count in counts} == {float(step)}
        # The rows of the updates so far, without the validation, which is still to come.
        known = content[: state["lengths"]["metrics.csv"]].decode().splitlines()
        assert len(known) == 1 + step + (step - 1) // UPDATES
        assert state["config"]["ema_decay"] == 0.5
        assert (state["micro_batch"], state["world_size"]) == (3, 1)
        if step < 4:  # the rate of the next update
            highest = max(group["lr"] for group in state["optimizer_groups"])
            assert highest == pytest.approx(rates[step], rel=1e-6)  # float32 in the table


def test_t21_an_epoch_is_saved_before_its_validation(
    saved: list[int], videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    at(monkeypatch, "on_validation_start", 1, lambda: seen.append(list(saved)))
    train(config_of(videos, tmp_path / "out"))
    assert seen == [[2]]


# Signals


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 143), (signal.SIGINT, 130)]
)
def test_t03_a_signal_ends_the_run_with_the_update_it_was_in(
    number: signal.Signals,
    exit_code: int,
    saved: list[int],
    videos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at(monkeypatch, "on_train_batch_start", 3, lambda: send(number))
    with pytest.raises(
        Stopped, match="stopped by a signal after update 3, which is saved; the same"
    ) as caught:
        train(config_of(videos, tmp_path / "out"))
    assert caught.value.exit_code == exit_code
    assert saved == [2, 3]
    assert not (tmp_path / "out" / "finished.json").exists()


def test_a_signal_in_a_validation_ends_it_with_what_was_saved_before(
    saved: list[int], videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, "on_validation_start", 1, lambda: send(signal.SIGTERM))
    with pytest.raises(Stopped, match="after update 2, which is saved"):
        train(config_of(videos, tmp_path / "out"))
    assert saved == [2]


def test_a_signal_in_the_last_update_ends_the_run_before_its_validation(
    saved: list[int], videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, "on_train_batch_start", 2, lambda: send(signal.SIGTERM))
    with pytest.raises(Stopped, match="after update 2, which is saved"):
        train(config_of(videos, tmp_path / "out"))
    assert saved == [2]
    assert not (tmp_path / "out" / "last.safetensors").exists()


def test_t04_ctrl_c_twice_interrupts_and_keeps_what_was_saved(
    saved: list[int], videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice() -> None:
        send(signal.SIGINT)
        send(signal.SIGINT)

    at(monkeypatch, "on_train_batch_start", 3, twice)
    with pytest.raises(KeyboardInterrupt):
        train(config_of(videos, tmp_path / "out"))
    assert saved == [2]
    assert read(tmp_path / "out" / "checkpoints" / "step-00000002").step == 2


@pytest.mark.parametrize(
    ("number", "is_requeued"), [(signal.SIGUSR1, True), (signal.SIGTERM, False), (signal.SIGINT, False)]
)
def test_t03_only_the_signal_that_slurm_was_told_to_send_requeues(
    number: int, is_requeued: bool, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/calls\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    at(monkeypatch, "on_train_batch_start", 1, lambda: send(number))
    with pytest.raises(Stopped):
        train(config_of(videos, tmp_path / "out"))
    assert (tmp_path / "calls").exists() == is_requeued
    assert len(list((tmp_path / "out" / "checkpoints").iterdir())) == 1  # it was saved first


# Going on


def test_a_run_goes_on_after_a_signal_and_ends_as_if_nothing_had_been(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(config_of(videos, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        at(patch, "on_train_batch_start", 3, lambda: send(signal.SIGTERM))
        with pytest.raises(Stopped):
            train(config_of(videos, tmp_path / "cut"))
    caplog.set_level(logging.INFO, "videoswin.train")
    cut = train(config_of(videos, tmp_path / "cut"))
    assert "going on after update 3" in caplog.messages
    for name in ("best.safetensors", "last.safetensors", "metrics.csv", "validation.safetensors"):
        assert (cut.output / name).read_bytes() == (whole.output / name).read_bytes(), name
    assert (cut.best_value, cut.best_epoch) == (whole.best_value, whole.best_epoch)


def no_step(*_: object) -> None:
    raise AssertionError("a batch was trained on")


def test_other_groups_of_parameters_are_refused_before_a_step(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those of another version of videoswin, whose configuration was the same."""
    config = config_of(videos, tmp_path / "out")
    with monkeypatch.context() as patch:
        at(patch, "on_train_batch_start", 1, lambda: send(signal.SIGTERM))
        with pytest.raises(Stopped):
            train(config)
    folder = CheckpointFolder(tmp_path / "out" / "checkpoints")
    snapshot = folder.find()
    assert snapshot is not None
    first, *rest = snapshot.state["optimizer_groups"]
    state = {**snapshot.state, "optimizer_groups": [{**first, "parameters": ["gone"]}, *rest]}
    folder.save(Snapshot(step=snapshot.step, tensors=snapshot.tensors, state=state))
    monkeypatch.setattr(Pace, "on_train_batch_start", no_step)
    with pytest.raises(CheckpointError, match="parameter groups differ: the checkpoint has"):
        train(config)


def test_t05_a_save_that_fails_ends_the_run_with_its_reason(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(videos, tmp_path / "out")
    # A file where the folder of checkpoints should be.
    at(monkeypatch, "on_train_batch_start", 1, (tmp_path / "out" / "checkpoints").touch)
    with pytest.raises(StorageError, match=r"cannot save step 2.*checkpoints"):
        train(config)


def test_an_asynchronous_writer_has_written_all_at_the_end(
    saved: list[int], videos: Path, tmp_path: Path
) -> None:
    train(config_of(videos, tmp_path / "out", updates=1, keep=9, asynchronous=True))
    assert saved == [1, 2, 3, 4]
    assert read(tmp_path / "out" / "checkpoints" / "step-00000004").step == 4
