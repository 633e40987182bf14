from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.cli.main import main


def test_fuzz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj420p", num_frames=3)
    assert main(["verify", "fuzz", "--count", "12", "--source", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert sum(summary["outcomes"].values()) == 12
    assert summary["num_offenders"] == 0
    assert main(["verify", "fuzz", "--count", "2", "--source", str(tmp_path)]) == 0
    assert "2 damaged clips, 0 broke something; slowest " in capsys.readouterr().out


def test_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=6)
    assert main(["verify", "frames", str(path), "--indices", "4"]) == 0
    assert capsys.readouterr().out == f"{path}: 4 of 6 frames by index, all equal\n"
    assert main(["verify", "frames", str(tmp_path / "gone.mp4"), str(path), "--json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out) == {"path": str(path), "num_frames": 6, "num_compared": 6, "wrong": []}
    assert "[V34]" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "videoswin verify: given nothing; allowed: fuzz, frames"),
        (["farmes"], "videoswin verify: given 'farmes'; allowed: fuzz, frames"),
        (["frames", "a.mp4", "--indices", "0"], "indices is 0; allowed: 1 or more"),
        (["fuzz", "--count", "0"], "count is 0; allowed: 1 or more"),
    ],
)
def test_wrong_words(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--help"]) == 0
    assert "fuzz" in capsys.readouterr().out
