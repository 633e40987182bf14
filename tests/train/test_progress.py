from __future__ import annotations

import io
import logging
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from videoswin.data.dataset import Batch
from videoswin.data.ledger import BadSampleLedger
from videoswin.train import progress
from videoswin.train.progress import Bar, EpochLines, StatusLines, watch_with
from videoswin.train.speed import Pace

BATCH = Batch(
    clips=torch.zeros((2, 1, 3, 1, 1, 1), dtype=torch.uint8),
    labels=torch.zeros(2, dtype=torch.int64),
    indices=torch.arange(2),
    bad=(),
)


MODULE: Any = None  # nothing here asks it


def fast_pace() -> Pace:
    """In the middle of an epoch."""
    pace = Pace()
    pace.epoch_clips = 6
    pace.clips_per_second, pace.data_wait, pace.memory_mib, pace.seconds_left = 12.34, 0.05, 1234.5, 61.2
    return pace


PACE = "12.3 clips/s, 5% waiting for data, 1,234 MiB, 0:01:01 left"


class Clock:
    """time.perf_counter under our control."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def trainer_at(epoch: int, *, rank: int = 0) -> Any:
    """One of two epochs of five batches, with metrics."""
    metrics = {
        "train/loss_step": 0.5,
        "train/top1_step": 0.75,
        "train/loss_epoch": 0.6,
        "train/top1_epoch": 0.5,
        "val/loss": 0.7,
        "val/top1": 0.25,
        "val/top5": 1.0,
    }
    return SimpleNamespace(
        current_epoch=epoch,
        max_epochs=2,
        is_global_zero=rank == 0,
        world_size=1,
        num_training_batches=5,
        num_val_batches=[3],
        callback_metrics={name: torch.tensor(value) for name, value in metrics.items()},
    )


def test_a_line_after_each_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines = EpochLines(fast_pace(), BadSampleLedger(tmp_path / "bad_samples.jsonl"))
    lines.on_train_epoch_end(trainer_at(1), MODULE)
    assert caplog.messages == [
        "epoch 2/2: loss 0.600, training top-1 50.0%, val loss 0.700, top-1 25.0%, top-5 100.0%, "
        f"{PACE}, bad 0 of 0"
    ]


def test_other_processes_say_nothing(clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trainer = trainer_at(1, rank=1)
    clock.seconds += 1000
    StatusLines(Pace()).on_train_batch_end(trainer, MODULE, None, BATCH, 0)
    EpochLines(Pace(), BadSampleLedger(tmp_path / "bad_samples.jsonl")).on_train_epoch_end(trainer, MODULE)
    bar = Bar(Pace())
    bar.on_train_start(trainer, MODULE)
    bar.on_train_batch_end(trainer, MODULE, None, BATCH, 0)
    assert not bar.progress.live.is_started
    assert caplog.messages == []


def test_status_lines_are_rare(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    status, trainer = StatusLines(fast_pace()), trainer_at(0)
    status.on_train_epoch_start(trainer, MODULE)
    for batch_index in range(5):
        clock.seconds += 120
        status.on_train_batch_end(trainer, MODULE, None, BATCH, batch_index)
    assert caplog.messages == [f"epoch 1/2, batch 3/5: loss 0.500, top-1 75%, {PACE}"]


def test_the_bar_shows_the_state_and_is_gone_after_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=160)
    monkeypatch.setattr(progress, "Console", lambda stderr: terminal)
    bar, trainer = Bar(fast_pace()), trainer_at(1)
    bar.on_train_epoch_start(trainer, MODULE)
    bar.on_train_batch_end(trainer, MODULE, None, BATCH, 0)
    bar.progress.refresh()
    assert "epoch 2/2" in screen.getvalue()
    assert "1/5" in screen.getvalue()
    assert f"loss 0.500, top-1 75%, {PACE}" in screen.getvalue()
    bar.on_validation_start(trainer, MODULE)
    bar.on_validation_batch_end(trainer, MODULE, None, BATCH, 0)
    bar.progress.refresh()
    assert "epoch 2/2 validation" in screen.getvalue()
    assert "1/3" in screen.getvalue()
    bar.on_train_epoch_end(trainer, MODULE)
    assert not bar.progress.live.is_started


def test_the_bar_is_gone_when_the_run_fails() -> None:
    bar, trainer = Bar(Pace()), trainer_at(0)
    bar.on_train_epoch_start(trainer, MODULE)
    bar.on_exception(trainer, MODULE, KeyboardInterrupt())
    assert not bar.progress.live.is_started


def test_no_loss_before_the_first_readable_batch(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trainer = trainer_at(0)
    trainer.callback_metrics = {}
    clock.seconds += 1000
    StatusLines(Pace()).on_train_batch_end(trainer, MODULE, None, BATCH, 0)  # type: ignore[arg-type]
    assert "no loss yet" in caplog.messages[0]


def test_the_bar_of_a_continued_run_starts_where_it_left_off() -> None:
    bar, trainer = Bar(Pace()), trainer_at(1)
    bar.on_train_start(trainer, MODULE)  # in the middle of an epoch there is no start of it
    bar.on_train_batch_end(trainer, MODULE, None, BATCH, 3)
    (task,) = bar.progress.tasks
    assert bar.progress.live.is_started
    assert (task.completed, task.total) == (4, 5)
    bar.progress.stop()


def test_a_run_continued_with_a_validation_has_no_pace_yet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lines = EpochLines(Pace(), BadSampleLedger(tmp_path / "bad_samples.jsonl"))
    lines.on_train_epoch_end(trainer_at(1), MODULE)
    assert "top-5 100.0%, no step yet, bad 0 of 0" in caplog.messages[0]


@pytest.mark.parametrize(("is_terminal", "kind"), [(True, Bar), (False, StatusLines)])
def test_a_terminal_gets_the_bar(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_terminal: bool, kind: type
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    watch, lines = watch_with(Pace(), BadSampleLedger(tmp_path / "bad_samples.jsonl"))
    assert isinstance(watch, kind)
    assert isinstance(lines, EpochLines)
