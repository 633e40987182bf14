"""A run that is killed and continued leaves what it would have left."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.end_to_end.material import run, write_recipe
from tests.train.material import write_videos
from videoswin.cli.main import main
from videoswin.faults import VARIABLE

EPOCHS = 3
FILES = (
    *("best.safetensors", "last.safetensors", "metrics.csv", "validation.safetensors"),
    *("bad_samples.jsonl", "data.json"),
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With dropout and stochastic depth, and a video that can't be read."""
    folder = tmp_path_factory.mktemp("resume")
    videos = write_videos(folder / "videos", per_class=4)
    (videos / "dark" / "torn.mp4").write_bytes((videos / "dark" / "0.mp4").read_bytes()[:300])
    more = "drop_path_rate: 0.2\nhead_dropout: 0.5\n"
    return write_recipe(folder, videos, epochs=EPOCHS, more=more)


def train(recipe: Path, output: Path, *more: str) -> list[str]:
    return ["train", "--config", str(recipe), "--output", str(output), *more]


@pytest.fixture(scope="module")
def whole(recipe: Path) -> Path:
    """The folder of the run that nothing happened to."""
    output = recipe.parent / "whole"
    assert main(train(recipe, output)) == 0
    return output


def saved(output: Path) -> dict[str, bytes]:
    """The tensors of all checkpoints that are kept."""
    files = (output / "checkpoints").glob("step-*/*.safetensors")
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


def differing(output: Path, whole: Path) -> list[str]:
    """Names of files that are not the same to the last byte."""
    own, other = saved(output), saved(whole)
    assert len(other) == 9  # model, optimizer and mean of three checkpoints
    return [
        *(name for name in FILES if (output / name).read_bytes() != (whole / name).read_bytes()),
        *(name for name in sorted({*own, *other}) if own.get(name) != other.get(name)),
    ]


@pytest.mark.parametrize(
    "num_saved",
    [
        2,  # at the end of an epoch, before its validation
        pytest.param(3, marks=pytest.mark.slow),  # in the middle of one
    ],
)
def test_g1_t01_t15_a_killed_run_continues_to_the_same_bytes(
    num_saved: int, recipe: Path, whole: Path, tmp_path: Path
) -> None:
    """Also with other loader workers."""
    killed = tmp_path / "killed"
    done = run(*train(recipe, killed), **{VARIABLE: f"checkpoint.before_folder@{num_saved + 1}"})
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (killed / "finished.json").exists()
    with_workers = tmp_path / "with workers"
    shutil.copytree(killed, with_workers)
    assert main(train(recipe, killed)) == 0
    assert differing(killed, whole) == []
    assert main(train(recipe, with_workers, "--data.num_workers", "1")) == 0
    assert differing(with_workers, whole) == []


def test_the_tests_can_tell_runs_apart(recipe: Path, whole: Path, tmp_path: Path) -> None:
    assert main(train(recipe, tmp_path / "other", "--seed", "1")) == 0
    assert {"last.safetensors", "metrics.csv"} <= set(differing(tmp_path / "other", whole))


def test_t16_another_global_batch_is_refused_with_code_4(
    recipe: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (whole / "last.safetensors").stat().st_mtime_ns
    assert main(train(recipe, whole, "--global_batch", "4")) == 4
    assert "has other settings: global_batch was 5 and is 4. " in capsys.readouterr().err
    assert (whole / "last.safetensors").stat().st_mtime_ns == before


def test_an_older_checkpoint_by_name_continues_in_another_folder(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "new"
    step = sorted((whole / "checkpoints").iterdir())[0]
    assert step.name == "step-00000004"
    assert main(train(recipe, output, "--resume", str(step))) == 0
    assert [name for name in FILES if (output / name).read_bytes() != (whole / name).read_bytes()] == []
