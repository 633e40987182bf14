from __future__ import annotations

import logging
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightning.pytorch.utilities import rank_zero_only

from videoswin.train.metrics_file import METRICS, SPEED, MetricsFile

COLUMNS = ("train/loss_step", "val/top1")


@pytest.fixture
def file(tmp_path: Path) -> MetricsFile:
    return MetricsFile(tmp_path / "metrics.csv", columns=COLUMNS)


@pytest.fixture
def size_limit() -> Iterator[None]:
    """No file of this process may grow beyond 60 bytes: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_line_for_each_row_with_cells_of_its_own_columns(file: MetricsFile) -> None:
    file.log_metrics({"train/loss_step": 0.1 + 0.2, "clips_per_second": 3.0, "epoch": 0}, step=7)
    file.log_metrics({"val/top1": 0.5, "epoch": 0}, step=8)
    assert file.path.read_text() == (
        "step,epoch,train/loss_step,val/top1\n7,0,0.30000000000000004,\n8,0,,0.5\n"
    )


def test_a_row_without_a_column_of_the_file_is_for_others(file: MetricsFile) -> None:
    file.log_metrics({"clips_per_second": 3.0, "epoch": 0}, step=7)
    assert not file.path.exists()


def test_other_processes_write_nothing(file: MetricsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    file.log_metrics({"val/top1": 0.5, "epoch": 0}, step=7)
    assert not file.path.exists()


def test_times_and_exact_numbers_are_in_different_files() -> None:
    assert not set(METRICS) & set(SPEED)


@pytest.mark.usefixtures("size_limit")
def test_t05_a_full_disk_warns_once_leaves_whole_lines_and_is_not_the_end(
    file: MetricsFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.log_metrics({"train/loss_step": 1.0, "epoch": 0}, step=0)
    before = file.path.read_bytes()
    for step in (1, 2, 3):  # each of them longer than the 60 bytes leave room for
        file.log_metrics({"train/loss_step": 0.12345678901234567, "val/top1": 0.5, "epoch": 0}, step=step)
    assert file.path.read_bytes() == before
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    )
    file.log_metrics({"train/loss_step": 4.0, "epoch": 0}, step=4)
    assert file.path.read_bytes() == before + b"4,0,4.0,\n"
    assert caplog.messages == [
        f"cannot write {file.path}: File too large; the run goes on without",
        f"{file.path} is written again; 3 rows are missing",
    ]


def test_t20_a_folder_that_is_gone_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "run"
    folder.mkdir()
    file = MetricsFile(folder / "metrics.csv", columns=COLUMNS)
    file.log_metrics({"val/top1": 0.5, "epoch": 0}, step=0)
    shutil.rmtree(folder)
    file.log_metrics({"val/top1": 0.5, "epoch": 0}, step=1)
    file.log_metrics({"val/top1": 0.5, "epoch": 0}, step=2)
    assert caplog.messages == [
        f"cannot write {file.path}: No such file or directory; the run goes on without"
    ]
    assert not folder.exists()
