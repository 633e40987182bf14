from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.cli.main import main
from videoswin.cli.verify import SUB_VERBS
from videoswin.cli.verify.table import print_checks
from videoswin.verify.outcome import Check


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


def test_storage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "storage", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["is_kept"]
    results = {check["what"]: check["result"] for check in found["checks"]}
    assert results["no file beyond N bytes (RLIMIT_FSIZE)"] == "kept"
    assert len(results) == 4


def test_a_broken_promise_is_exit_code_1_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    kept = Check.of("one", [], "3 times")
    not_tried = Check(what="two", result="not tried", numbers="mounting was refused")
    broken = Check.of("three", ["it went", "again"], "2 times")
    assert print_checks([kept, not_tried], json=False) == 0
    assert print_checks([kept, broken], json=False) == 1
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["two", "not", "tried  mounting was refused"] in lines
    assert ["three", "broken", "2 times: it went (and 1 more)"] in lines
    assert print_checks([broken], json=True) == 1
    assert json.loads(capsys.readouterr().out) == {
        "is_kept": False,
        "checks": [{"what": "three", "result": "broken", "numbers": "2 times: it went (and 1 more)"}],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "videoswin verify: given nothing; allowed: fuzz, frames, "),
        (["farmes"], "videoswin verify: given 'farmes'; allowed: fuzz, frames, "),
        (["farmes"], " (did you mean frames?)"),
        (["frames", "a.mp4", "--indices", "0"], "indices is 0; allowed: 1 or more"),
        (["fuzz", "--count", "0"], "count is 0; allowed: 1 or more"),
        (["checkpoints", "--kills", "0"], "kills is 0; allowed: 1 or more"),
        (["checkpoints", "--seed", "-1"], "seed is -1; allowed: 0 or more"),
        (["readonly", "--data", "/nowhere"], "data is /nowhere; expected a folder with a folder of videos"),
    ],
)
def test_wrong_words(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {verb} " in out for verb in SUB_VERBS)
