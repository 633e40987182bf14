from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.cli.data import main
from videoswin.data.annotations import read_annotations
from videoswin.data.archive import MANIFEST_NAME
from videoswin.data.journal import Journal
from videoswin.data.prepare import ManifestRow
from videoswin.errors import ConfigError

OPTIONS = ["--short-side", "64", "--crf", "25", "--num-workers", "1"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, equal names in both, odd names and one file that is no video."""
    folder = tmp_path_factory.mktemp("archive")
    for label in ("left", "right"):
        (folder / label).mkdir()
        for number in range(4):
            write_video(folder / label / f"{number}.mp4", num_frames=40, height=256, width=320)
    write_video(folder / "left" / "a:b %03d.mkv", num_frames=5)
    (folder / "right" / "page.mp4").write_bytes(b"<html>")
    return folder


def manifest(folder: Path) -> list[ManifestRow]:
    return Journal(folder / MANIFEST_NAME, ManifestRow).read()


def test_prepare(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in archive.rglob("*.*")}
    out = tmp_path / "out"
    assert main(["prepare", str(archive), str(out), *OPTIONS]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("page.mp4: not a video but an HTML page of 6 bytes")
    assert lines[1].startswith("bad 1 of 10 (listed in ")
    assert {path: path.read_bytes() for path in archive.rglob("*.*")} == before
    assert len(read_annotations(out / "prepared.csv").samples) == 9


def test_killed_in_the_middle_and_run_again(archive: Path, tmp_path: Path) -> None:
    """Every video exactly once, and the same bytes as without the kill."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(["prepare", str(archive), str(whole), *OPTIONS]) == 3
    command = [sys.executable, "-m", "videoswin.cli.main", "data", "prepare", str(archive), str(killed)]
    for at_least in (1, 4):
        process = subprocess.Popen([*command, *OPTIONS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(manifest(killed)) < at_least and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(manifest(killed)) < 10  # not all was done when it was killed
    (killed / "videos" / "left" / ".prepare-left-behind").touch()
    lost = killed / MANIFEST_NAME
    lost.write_bytes(lost.read_bytes()[:-5])  # as if killed in the middle of a row: its video is adopted
    assert main(["prepare", str(archive), str(killed), *OPTIONS]) == 3
    for name in (MANIFEST_NAME, "prepared.csv", "prepare.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert sorted(path.relative_to(killed) for path in killed.rglob("*") if path.is_file()) == files
    for row in manifest(killed):
        if row.output:
            assert (killed / row.output).read_bytes() == (whole / row.output).read_bytes()


def test_unusable(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"<html>")
    assert main(["prepare", str(tmp_path / "in"), str(tmp_path / "out"), *OPTIONS]) == 5


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("--short-side=8", r"short_side is 8; allowed: 0 \(keep\) or at least 16"),
        ("--gop=0", "gop is 0; allowed: 1 or more"),
        ("--crf=52", "crf is 52; allowed: 0 to 51"),
        ("--shard-size=0", "shard_size is 0; allowed: 1 or more"),
        ("--num-workers=-1", "num_workers is -1; allowed: 0 or more"),
        ("--format=zip", "format"),
    ],
)
def test_wrong_values(option: str, allowed: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=allowed):
        main(["prepare", str(tmp_path), str(tmp_path / "out"), option])
    assert os.listdir(tmp_path) == []
