"""Two real processes train what one trains, and end together."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.end_to_end.material import run, start, write_recipe
from tests.train.material import write_videos
from videoswin.cli.main import main
from videoswin.errors import RankLostError
from videoswin.train.checkpoint import CheckpointFolder, Snapshot

EPOCHS = 10
UPDATES = 20
ALL_KEPT = ("--checkpoint.keep", "99")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without what is drawn by each process for itself."""
    folder = tmp_path_factory.mktemp("ranks")
    videos = write_videos(folder / "videos", per_class=4)
    return write_recipe(folder, videos, epochs=EPOCHS, more="drop_path_rate: 0\nhead_dropout: 0\n")


def train(recipe: Path, output: Path, *more: str) -> list[str]:
    return ["train", "--config", str(recipe), "--output", str(output), *more]


@pytest.fixture(scope="module")
def one(recipe: Path) -> Path:
    """The folder of the run of one process."""
    output = recipe.parent / "one"
    assert main(train(recipe, output, *ALL_KEPT)) == 0
    return output


def last(output: Path) -> Snapshot:
    found = CheckpointFolder(output / "checkpoints").find()
    assert found is not None
    assert found.step == UPDATES
    return found


def assert_close(output: Path, one: Path) -> None:
    """Weights, AdamW's moments and the mean."""
    own, other = last(output).tensors, last(one).tensors
    assert own.keys() == other.keys() == {"model", "optimizer", "ema"}
    for group, tensors in other.items():
        assert own[group].keys() == tensors.keys()
        for name, tensor in tensors.items():
            torch.testing.assert_close(
                own[group][name], tensor, rtol=0, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
            )


@pytest.mark.parametrize("strategy", [pytest.param("ddp", marks=pytest.mark.slow), "fsdp"])
def test_t16_two_processes_learn_what_one_does_and_one_continues_them(
    strategy: str, recipe: Path, one: Path, tmp_path: Path
) -> None:
    output = tmp_path / strategy
    scale = ("--scale.devices", "2", "--scale.strategy", strategy)
    done = run(*train(recipe, output, *scale))
    assert done.returncode == 0, done.stderr
    assert sum("2 processes" in line for line in done.stderr.splitlines()) == 2  # said once: model, batch
    assert_close(output, one)
    continued = tmp_path / "continued"
    step = output / "checkpoints" / f"step-{UPDATES - 2:08d}"
    assert main(train(recipe, continued, "--resume", str(step))) == 0
    assert_close(continued, one)


def two_processes(arguments: list[str]) -> list[subprocess.Popen[str]]:
    """As a launcher of another machine would start them."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    common = {
        **{"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "NODE_RANK": "0"},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
    }
    return [start(*arguments, RANK=str(rank), LOCAL_RANK=str(rank), **common) for rank in (0, 1)]


def test_d01_g14_a_killed_process_is_named_and_the_others_end_with_code_8(
    recipe: Path, one: Path, tmp_path: Path
) -> None:
    """They went on from a checkpoint of one process; one process finishes the run."""
    output = tmp_path / "run"
    begun = one / "checkpoints" / "step-00000003"
    first, second = two_processes(
        train(recipe, output, "--resume", str(begun), "--scale.strategy", "fsdp", *ALL_KEPT)
    )
    try:
        deadline = time.monotonic() + 100
        while not (output / "checkpoints" / "step-00000006").exists():
            assert time.monotonic() < deadline
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        os.kill(second.pid, signal.SIGKILL)
        killed = time.monotonic()
        _, said = first.communicate(timeout=60)
        seconds = time.monotonic() - killed
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    assert first.returncode == RankLostError.exit_code == 8, said
    message = (
        rf"error: rank 1 \(pid {second.pid} on {re.escape(socket.gethostname())}\) is gone; continue with"
    )
    assert re.search(message, said), said
    assert "Traceback" not in said
    assert seconds < 10
    assert main(train(recipe, output)) == 0
    assert_close(output, one)
