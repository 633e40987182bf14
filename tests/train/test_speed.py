from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from tests.train.test_progress import BATCH, Clock, trainer_at
from videoswin.data.dataset import collate
from videoswin.train.speed import LoaderWait, Pace, peak_memory_mib


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


class Module:
    """Keeps what is logged."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.logged: dict[str, float] = {}

    def log(self, name: str, value: float, *, batch_size: int) -> None:
        self.logged[name] = value


def wait_for_batch(pace: Pace, clock: Clock, seconds: float) -> None:
    pace.wait.start("[_TrainingEpochLoop].train_dataloader_next")
    clock.seconds += seconds
    pace.wait.stop("[_TrainingEpochLoop].train_dataloader_next")


def test_pace_counts_clips_and_waiting_and_estimates_the_rest(clock: Clock) -> None:
    pace, trainer, module = Pace(), trainer_at(0), Module()
    recorded: Any = module
    pace.on_train_start(trainer, recorded)
    pace.on_train_epoch_start(trainer, recorded)
    wait_for_batch(pace, clock, 1)
    clock.seconds += 3
    pace.on_train_batch_end(trainer, recorded, None, BATCH, 0)
    assert module.logged == {"clips_per_second": 0.5, "data_wait": 0.25, "memory_mib": pace.memory_mib}
    assert str(pace).startswith("0.5 clips/s, 25% waiting for data, ")
    assert str(pace).endswith(" MiB, 0:00:36 left")  # 9 batches of 4 s
    clock.seconds += 1
    pace.on_train_batch_end(trainer, recorded, None, BATCH, 1)
    assert str(pace).startswith("0.8 clips/s, 20% waiting for data, ")
    assert str(pace).endswith(" 0:00:20 left")  # 8 batches of 2.5 s
    clock.seconds += 3595
    pace.on_validation_end(trainer, recorded)
    assert pace.seconds_left == 9000  # two batches and a long validation took an hour; five batches are left


def test_pace_starts_anew_with_each_epoch(clock: Clock) -> None:
    pace, recorded = Pace(), Module()
    module: Any = recorded
    pace.on_train_start(trainer_at(0), module)
    wait_for_batch(pace, clock, 50)
    pace.on_train_epoch_start(trainer_at(1), module)
    clock.seconds += 2
    pace.on_train_batch_end(trainer_at(1), module, None, BATCH, 0)
    assert (pace.clips_per_second, pace.data_wait) == (1.0, 0.0)


def test_a_continued_run_counts_its_own_batches_alone(clock: Clock) -> None:
    """It starts with batch 3 of 5 of the second epoch: two batches of 2 s, not eight, are what it knows."""
    pace, recorded = Pace(), Module()
    module: Any = recorded
    pace.on_train_start(trainer_at(1), module)
    for batch_idx in (2, 3):
        clock.seconds += 2
        pace.on_train_batch_end(trainer_at(1), module, None, BATCH, batch_idx)
    assert pace.clips_per_second == 1.0
    assert pace.seconds_left == 2.0


def test_all_processes_count(clock: Clock) -> None:
    pace, recorded, trainer = Pace(), Module(), trainer_at(0)
    module: Any = recorded
    trainer.world_size = 4
    pace.on_train_start(trainer, module)
    clock.seconds += 2
    pace.on_train_batch_end(trainer, module, None, BATCH, 0)
    assert pace.clips_per_second == 4.0


def test_a_batch_of_unreadable_videos_is_no_clips(clock: Clock) -> None:
    pace, recorded = Pace(), Module()
    module: Any = recorded
    pace.on_train_start(trainer_at(0), module)
    clock.seconds += 2
    pace.on_train_batch_end(trainer_at(0), module, None, collate([]), 0)
    assert pace.clips_per_second == 0.0


class Slow(LightningModule):
    """Each step takes 250 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Tensor) -> Tensor:
        time.sleep(0.25)
        return self.layer(batch).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


class SlowLoader:
    """Each of four batches takes 50 ms."""

    def __iter__(self) -> Iterator[Tensor]:
        for _ in range(4):
            time.sleep(0.05)
            yield torch.ones(1, 1)

    def __len__(self) -> int:
        return 4


def test_lightning_tells_the_time_of_the_loader_and_no_other(tmp_path: Path) -> None:
    wait = LoaderWait()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        profiler=wait,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Slow(), SlowLoader())
    assert (
        0.2 <= wait.seconds < 0.28 + 0.1
    )  # 4 x 50 ms; with the steps it would be 280 ms more often than not


def test_memory_is_that_of_a_process_with_torch() -> None:
    held = torch.ones(2**26)  # 256 MiB
    assert 256 < peak_memory_mib(torch.device("cpu")) < 1_000_000
    del held
