from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.cli.data import main
from videoswin.data.check import CheckRow
from videoswin.data.journal import Journal
from videoswin.data.survey import CheckLedger, survey
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
    assert len(lines) == 5
    headings = ["file", "container", "codec", "declared", "decoded", "size", "fps", "verdict", "reason"]
    assert lines[0].split() == headings
    assert "good [bold].mp4" in lines[1]
    assert lines[1].split()[-7:] == ["mp4/mov", "h264", "6", "6", "96x64", "25", "ok"]
    assert "page\\n.mp4" in lines[2]
    assert "refused  [V05] not a video but an HTML page of 6 bytes" in lines[2]
    assert "[V34] no such file" in lines[3]
    assert lines[4] == "bad 2 of 3"
    assert err == ""


def test_json(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", *files]) == 3
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert err == "bad 2 of 3\n"
    assert [row["path"] for row in rows] == files
    status = os.stat(files[0])
    assert rows[0] == {
        "path": files[0],
        "hash": hashlib.sha256(Path(files[0]).read_bytes()).hexdigest(),
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "container": "mp4/mov",
        "codec": "h264",
        "declared_frames": 6,
        "decoded_frames": 6,
        "width": 96,
        "height": 64,
        "rotation": 0,
        "frames_per_second": 25.0,
        "seconds": 0.24,
        "verdict": "ok",
        "code": "",
        "reason": "",
    }
    assert (rows[1]["verdict"], rows[1]["code"], rows[1]["container"]) == ("refused", "V05", None)


def test_all_good_is_exit_0(files: list[str]) -> None:
    assert main(["check", files[0]]) == 0


def test_wrong_words(capsys: pytest.CaptureFixture[str]) -> None:
    allowed = "allowed: check, prepare, stats, view"
    with pytest.raises(
        ConfigError, match=rf"videoswin data: given 'chekc'; {allowed} \(did you mean check\?\)"
    ):
        main(["chekc", "a.mp4"])
    with pytest.raises(ConfigError, match=f"videoswin data: given nothing; {allowed}"):
        main([])
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "usage: videoswin data VERB" in out
    assert all(verb in out for verb in ("check", "prepare", "stats", "view"))
    for option in ("--max_bad_fraction=2", "--num_workers=-1"):
        with pytest.raises(ConfigError, match="allowed: 0"):
            main(["check", "a.mp4", option])


def test_as_a_program(files: list[str]) -> None:
    """Names that are no Unicode pass through a terminal without one, and nothing but the rows is printed."""
    odd = os.fsdecode(os.fsencode(files[0])[:-4] + b"\xe9.mp4")
    Path(odd).write_bytes(Path(files[0]).read_bytes())
    command = [sys.executable, "-m", "videoswin.cli.main", "data", "check", odd]
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 3


def test_a_ledger_grows_is_ordered_and_spares_a_second_reading(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.csv"
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for number in (2, 0, 1):
        write_video(tmp_path / "in" / "deep" / f"{number}.mp4", num_frames=4)
    write_video(tmp_path / "in" / "no-suffix", num_frames=4, container="mp4")
    (tmp_path / "in" / "notes.txt").write_text("not a video")
    (tmp_path / "in" / "empty.mp4").touch()
    command = ["check", str(tmp_path / "in"), "--ledger", str(ledger), "--num-workers", "2"]
    assert main(command) == 3
    assert "bad 1 of 5 (listed in " in capsys.readouterr().out
    rows = Journal(ledger, CheckRow).read()
    names = ["empty.mp4", "no-suffix", "deep/0.mp4", "deep/1.mp4", "deep/2.mp4"]
    assert [os.path.relpath(row.path, tmp_path / "in") for row in rows] == names
    assert [row.verdict for row in rows] == ["refused", "ok", "ok", "ok", "ok"]

    # What is in the ledger is believed: a row that lies comes back; a changed file is read again.
    Journal(ledger, CheckRow).rewrite([replace(row, codec="seen") for row in rows])
    write_video(tmp_path / "in" / "deep" / "1.mp4", num_frames=9)
    assert main(command) == 3
    again = Journal(ledger, CheckRow).read()
    assert [row.codec for row in again] == ["seen", "seen", "seen", "h264", "seen"]
    assert again[3].decoded_frames == 9

    assert main(["check", files[0], "--ledger", str(ledger)]) == 0  # other files stay in it
    assert [row.path for row in Journal(ledger, CheckRow).read()] == [files[0], *(row.path for row in rows)]


def test_v36_a_crash_is_a_row(tmp_path: Path) -> None:
    ledger = CheckLedger(tmp_path / "ledger.csv")
    found = list(survey(["a", "crash"], crashing, ledger=ledger, num_workers=1))
    assert [(row.path, row.verdict, row.code) for row in found] == [
        ("a", "ok", ""),
        ("crash", "refused", "V36"),
    ]
    assert ledger.read() == found


def crashing(path: str) -> CheckRow:
    if path == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    return CheckRow(path=path, verdict="ok")


def test_exit_5_for_what_no_run_can_use(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == 5
    for number in range(10):
        (tmp_path / f"{number}.mp4").touch()
    write_video(tmp_path / "good.mp4", num_frames=2)
    assert main(["check", str(tmp_path)]) == 5
    assert main(["check", str(tmp_path), "--max-bad-fraction", "1"]) == 3


def test_a_parquet_ledger(tmp_path: Path) -> None:
    video = write_video(tmp_path / "\u00e9.mp4", num_frames=3)
    ledger = tmp_path / "ledger.parquet"
    command = ["check", str(video), "--ledger", str(ledger)]
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(ConfigError, match=r"needs pyarrow: pip install 'videoswin\[data\]'"):
            main(command)
        assert not ledger.exists()
        return
    assert main(command) == 0
    rows = CheckLedger(ledger).read()
    assert main(command) == 0
    assert CheckLedger(ledger).read() == rows
    assert (rows[0].path, rows[0].decoded_frames) == (str(video), 3)
    assert sorted(os.listdir(tmp_path)) == ["ledger.parquet", "\u00e9.mp4"]
