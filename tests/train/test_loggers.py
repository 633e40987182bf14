from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from videoswin.errors import ConfigError
from videoswin.train.config import BoardName
from videoswin.train.loggers import Spared, build_loggers

HYPERPARAMETERS = {"epochs": 2, "optimizer": {"betas": [0.9, 0.999]}}


def log_steps(output: Path, *, steps: range, loss: float, purge_step: int | None = None) -> None:
    loggers = build_loggers(
        output, boards=["tensorboard"], hyperparameters=HYPERPARAMETERS, purge_step=purge_step
    )
    for one in loggers:
        for step in steps:
            one.log_metrics({"train/loss_step": loss, "clips_per_second": 12.5, "epoch": 0}, step=step)
            one.save()
        one.finalize("success")


def test_every_number_is_on_the_board_and_each_file_has_its_own(tmp_path: Path) -> None:
    log_steps(tmp_path, steps=range(3, 4), loss=0.5)
    assert "\n3,0,,,0.5," in (tmp_path / "metrics.csv").read_text()
    assert (tmp_path / "speed.csv").read_text().splitlines()[1:] == ["3,0,12.5,,"]
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.value for event in board.Scalars("train/loss_step")] == [0.5]
    assert [event.value for event in board.Scalars("clips_per_second")] == [12.5]
    assert "betas" in (tmp_path / "tensorboard" / "hparams.yaml").read_text()


def test_the_board_of_a_continued_run_hides_what_it_does_again(tmp_path: Path) -> None:
    log_steps(tmp_path, steps=range(4), loss=0.5)
    log_steps(tmp_path, steps=range(2, 4), loss=0.25, purge_step=2)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("train/loss_step")
    assert [(event.step, event.value) for event in events] == [(0, 0.5), (1, 0.5), (2, 0.25), (3, 0.25)]


def test_without_boards_there_are_the_files(tmp_path: Path) -> None:
    loggers = build_loggers(tmp_path, boards=[], hyperparameters={})
    assert [one.name for one in loggers] == ["metrics", "speed"]


@pytest.mark.parametrize("board", ["wandb", "mlflow"])
def test_a_board_without_its_package_is_one_line(
    tmp_path: Path, board: BoardName, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == board else find_spec(name))
    with pytest.raises(
        ConfigError, match=rf"^the logger {board} needs {board}: pip install 'videoswin\[{board}\]'$"
    ):
        build_loggers(tmp_path, boards=[board], hyperparameters={})


def log_to(board: BoardName, output: Path) -> None:
    *_, one = build_loggers(output, boards=[board], hyperparameters=HYPERPARAMETERS)
    one.log_metrics({"train/loss_step": 0.5, "epoch": 0}, step=3)
    one.save()
    one.finalize("success")


def test_mlflow_keeps_numbers_in_the_folder_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = pytest.importorskip("mlflow.tracking", reason="an optional board")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    log_to("mlflow", tmp_path)
    assert not [message for message in caplog.messages if "the run goes on without" in message]
    found = client.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = [one for one in found.search_experiments() if one.name == "videoswin"]
    (run,) = found.search_runs([experiment.experiment_id])
    assert run.info.run_name == tmp_path.name
    assert run.data.metrics["train/loss_step"] == 0.5
    assert run.data.params["epochs"] == "2"


def test_wandb_keeps_numbers_in_the_folder_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wandb = pytest.importorskip("wandb", reason="an optional board")
    monkeypatch.setenv("WANDB_MODE", "offline")
    log_to("wandb", tmp_path)
    assert not [message for message in caplog.messages if "the run goes on without" in message]
    run_id = wandb.run.id
    # While this is there, a process after this one goes on with the run.
    assert run_id in (tmp_path / "wandb" / "wandb-resume.json").read_text()
    wandb.finish()
    assert list((tmp_path / "wandb").glob(f"offline-run-*/run-{run_id}.wandb"))


def test_t20_a_service_that_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    num_tries = 0

    def refuse() -> Any:
        nonlocal num_tries
        num_tries += 1
        raise ConnectionError("no route\nto host")

    board = Spared("wandb", refuse)
    board.log_hyperparams(HYPERPARAMETERS)
    board.log_metrics({"val/top1": 0.5}, step=1)
    board.save()
    board.finalize("success")
    assert num_tries == 1
    assert caplog.messages == ["wandb can't be written: no route to host; the run goes on without it"]


def test_t20_a_board_in_the_place_of_a_file_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "tensorboard").write_text("not a folder")
    log_steps(tmp_path, steps=range(3), loss=0.5)
    (message,) = caplog.messages
    assert message.startswith("tensorboard can't be written: ")
    assert message.endswith("; the run goes on without it")
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 4


FULL_DISK = """
import logging, resource, signal, sys
from pathlib import Path
from videoswin.train.loggers import build_loggers

logging.basicConfig(format="%(message)s")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
loggers = build_loggers(Path(sys.argv[1]), boards=["tensorboard"], hyperparameters={})
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
for step in range(200):
    for one in loggers:
        one.log_metrics({"train/loss_step": 0.5, "epoch": 0}, step=step)
        one.save()
for one in loggers:
    one.finalize("success")
"""


def test_t05_a_disk_that_is_full_for_all_logs_warns_once_each(tmp_path: Path) -> None:
    """In a process of its own: no file of it may grow beyond 400 bytes."""
    finished = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=100
    )
    assert finished.returncode == 0, finished.stderr
    # The thread of TensorBoard complains in between, so these are not always lines of their own.
    assert finished.stderr.count("the run goes on without") == 2, finished.stderr
    assert "tensorboard can't be written: [Errno 27] File too large" in finished.stderr
    assert "metrics.csv: File too large" in finished.stderr
    assert (tmp_path / "metrics.csv").read_bytes().endswith(b"\n")
