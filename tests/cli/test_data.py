from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.cli.data import main
from videoswin.errors import ConfigError


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("check")
    good = write_video(folder / "good [bold].mp4", num_frames=6)
    page = folder / "page\n.mp4"
    page.write_bytes(b"<html>")
    return [str(good), str(page), str(folder / "gone.mp4")]


def test_table(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *files]) == 3
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 4
    headings = ["file", "container", "codec", "declared", "decoded", "size", "fps", "verdict", "reason"]
    assert lines[0].split() == headings
    assert "good [bold].mp4" in lines[1]
    assert lines[1].split()[-7:] == ["mp4/mov", "h264", "6", "6", "96x64", "25", "ok"]
    assert "page\\n.mp4" in lines[2]
    assert "refused  [V05] not a video but an HTML page of 6 bytes" in lines[2]
    assert "[V34] no such file" in lines[3]
    assert err == ""


def test_json(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", *files]) == 3
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["path"] for row in rows] == files
    assert rows[0] == {
        "path": files[0],
        "container": "mp4/mov",
        "codec": "h264",
        "declared_frames": 6,
        "decoded_frames": 6,
        "width": 96,
        "height": 64,
        "rotation": 0,
        "frames_per_second": 25.0,
        "verdict": "ok",
        "code": "",
        "reason": "",
    }
    assert (rows[1]["verdict"], rows[1]["code"], rows[1]["container"]) == ("refused", "V05", None)


def test_all_good_is_exit_0(files: list[str]) -> None:
    assert main(["check", files[0]]) == 0


def test_wrong_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="videoswin data: given 'chekc'; allowed: check"):
        main(["chekc", "a.mp4"])
    with pytest.raises(ConfigError, match="videoswin data: given nothing; allowed: check"):
        main([])
    assert main(["--help"]) == 0
    assert "usage: videoswin data check FILE..." in capsys.readouterr().out


def test_as_a_program(files: list[str]) -> None:
    """Names that are no Unicode pass through a terminal without one, and nothing but the rows is printed."""
    odd = os.fsdecode(os.fsencode(files[0])[:-4] + b"\xe9.mp4")
    Path(odd).write_bytes(Path(files[0]).read_bytes())
    command = [sys.executable, "-m", "videoswin.cli.main", "data", "check", odd]
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 2
