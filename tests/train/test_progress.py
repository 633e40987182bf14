from __future__ import annotations

import io
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from videoswin.data.dataset import Batch
from videoswin.data.ledger import BadSampleLedger
from videoswin.train import progress
from videoswin.train.progress import Bar, EpochLines, Pace, StatusLines

BATCH = Batch(
    clips=torch.zeros((2, 1, 3, 1, 1, 1), dtype=torch.uint8),
    labels=torch.zeros(2, dtype=torch.int64),
    indices=torch.arange(2),
    bad=(),
)


class Clock:
    """time.perf_counter under our control."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress.time, "perf_counter", clock)
    return clock


def trainer_at(epoch: int) -> Any:
    """The second of two epochs of five batches, with metrics."""
    metrics = {
        "train/loss_step": 0.5,
        "train/loss_epoch": 0.6,
        "val/loss": 0.7,
        "val/top1": 0.25,
        "val/top5": 1.0,
    }
    return SimpleNamespace(
        current_epoch=epoch,
        max_epochs=2,
        num_training_batches=5,
        num_val_batches=[3],
        callback_metrics={name: torch.tensor(value) for name, value in metrics.items()},
    )


class Module:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.logged: dict[str, float] = {}

    def log(self, name: str, value: float, *, batch_size: int) -> None:
        self.logged[name] = value


def test_pace_counts_clips_and_estimates_the_rest(clock: Clock) -> None:
    pace, trainer, module = Pace(), trainer_at(0), Module()
    recorded: Any = module
    pace.on_train_start(trainer, recorded)
    pace.on_train_epoch_start(trainer, recorded)
    clock.seconds += 4
    pace.on_train_batch_end(trainer, recorded, None, BATCH, 0)
    assert module.logged == {"clips_per_second": 0.5}
    assert str(pace) == "0.5 clips/s, 0:00:36 left"  # 9 batches of 4 s
    clock.seconds += 1
    pace.on_train_batch_end(trainer, recorded, None, BATCH, 1)
    assert str(pace) == "0.8 clips/s, 0:00:20 left"  # 8 batches of 2.5 s
    clock.seconds += 3595
    pace.on_validation_end(trainer, recorded)
    assert str(pace) == "0.8 clips/s, 1:00:00 left"  # an epoch like the one that is over


def test_pace_starts_anew_with_each_epoch(clock: Clock) -> None:
    pace, module = Pace(), Module()
    recorded: Any = module
    pace.on_train_start(trainer_at(0), recorded)
    pace.on_train_epoch_start(trainer_at(0), recorded)
    clock.seconds += 50
    pace.on_train_epoch_start(trainer_at(1), recorded)
    clock.seconds += 2
    pace.on_train_batch_end(trainer_at(1), recorded, None, BATCH, 0)
    assert pace.clips_per_second == 1.0


def test_a_line_after_each_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines = EpochLines(Pace(), BadSampleLedger(tmp_path / "bad_samples.jsonl"))
    lines.on_train_epoch_end(trainer_at(1), Module())  # type: ignore[arg-type]
    assert caplog.messages == [
        "epoch 2/2: loss 0.600, val loss 0.700, top-1 25.0%, top-5 100.0%, "
        "0.0 clips/s, 0:00:00 left, bad 0 of 0"
    ]


def test_status_lines_are_rare(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    status, trainer, module = StatusLines(Pace()), trainer_at(0), Module()
    recorded: Any = module
    status.on_train_epoch_start(trainer, recorded)
    for batch_index in range(5):
        clock.seconds += 120
        status.on_train_batch_end(trainer, recorded, None, BATCH, batch_index)
    assert caplog.messages == ["epoch 1/2, batch 3/5: loss 0.500, 0.0 clips/s, 0:00:00 left"]


def test_the_bar_shows_the_state_and_is_gone_after_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "Console", lambda stderr: terminal)
    bar, trainer, module = Bar(Pace()), trainer_at(1), Module()
    recorded: Any = module
    bar.on_train_epoch_start(trainer, recorded)
    bar.on_train_batch_end(trainer, recorded, None, BATCH, 0)
    bar.progress.refresh()
    assert "epoch 2/2" in screen.getvalue()
    assert "1/5" in screen.getvalue()
    assert "loss 0.500, 0.0 clips/s, 0:00:00 left" in screen.getvalue()
    bar.on_validation_start(trainer, recorded)
    bar.on_validation_batch_end(trainer, recorded, None, BATCH, 0)
    bar.progress.refresh()
    assert "epoch 2/2 validation" in screen.getvalue()
    assert "1/3" in screen.getvalue()
    bar.on_train_epoch_end(trainer, recorded)
    assert not bar.progress.live.is_started


def test_the_bar_is_gone_when_the_run_fails() -> None:
    bar, trainer, module = Bar(Pace()), trainer_at(0), Module()
    recorded: Any = module
    bar.on_train_epoch_start(trainer, recorded)
    bar.on_exception(trainer, recorded, KeyboardInterrupt())
    assert not bar.progress.live.is_started


def test_no_loss_before_the_first_readable_batch(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trainer = trainer_at(0)
    trainer.callback_metrics = {}
    clock.seconds += 1000
    StatusLines(Pace()).on_train_batch_end(trainer, Module(), None, BATCH, 0)  # type: ignore[arg-type]
    assert "no loss yet" in caplog.messages[0]
