"""`videoswin ablate` as a user runs it: a table, gone on with, and wrong ways to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.material import write_videos
from videoswin.cli.main import main


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("videos"), per_class=2)


def command(videos: Path, output: Path, *more: str) -> list[str]:
    return [
        *("ablate", "shift", "--output", str(output), "--seeds", "[0]", "--only", "[3d,none]"),
        *("--run.data.train", str(videos), "--run.data.val", str(videos), "--run.data.num-workers", "0"),
        *("--run.model.embed_dim", "16", "--run.model.depths", "[1,2]", "--run.model.num_heads", "[1,2]"),
        *("--run.model.window", "[2,4,4]", "--run.clip.num_frames", "4", "--run.clip.size", "32"),
        *("--run.epochs", "1", "--run.schedule.warmup_epochs", "0", "--run.views", "1x1"),
        *more,
    ]


def test_a_table_is_printed_and_gone_on_with(videos: Path, tmp_path: Path, capsys) -> None:
    assert main(command(videos, tmp_path, "--pairs", "[bright:dark]")) == 0
    first = capsys.readouterr().out
    assert "Table 6: shifted windows" in first
    assert "[2/2] none, seed 0: top-1" in first
    assert first.count("78.8") == first.count("78.1") == 1  # the paper's, beside ours
    assert f"wrote {tmp_path / 'table.png'}" in first
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("last.safetensors")}
    assert len(before) == 2
    assert main(command(videos, tmp_path, "--pairs", "[bright:dark]", "--seeds", "[0,1]")) == 0
    again = capsys.readouterr().out
    assert "[4/4] none, seed 1: top-1" in again
    assert "±" in again
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_recipe_is_the_run(videos: Path, tmp_path: Path, capsys) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("epochs: 1\nschedule: {warmup_epochs: 3}\ndata: {train: videos, val: videos}\n")
    assert main(["ablate", "shift", "--run", str(recipe), "--output", str(tmp_path / "out")]) == 2
    assert "schedule.warmup_epochs is 3.0, allowed: less than epochs (1)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ablate", "design", "--run.data.train", "x"], "'designs', 'temporal', 'shift'"),
        (["ablate", "shift"], "data.train is '', allowed: a folder, list or CSV file of videos"),
        (["ablate", "shift", "--run.data.train", "x"], "data.test and data.val are empty"),
        (
            ["ablate", "shift", "--run.data.train", "x", "--run.data.val", "x", "--pairs", "[up]"],
            "pairs hold 'up'; allowed: LABEL:LABEL, for example up:down",
        ),
        (
            ["ablate", "bias-init", "--run.data.train", "x", "--run.data.val", "x"],
            "the table bias-init compares starts from a 2D model; name its file in weights",
        ),
    ],
)
def test_wrong_ways_to_ask(arguments: list[str], message: str, capsys) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
