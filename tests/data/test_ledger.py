from __future__ import annotations

import json
from pathlib import Path

import pytest

from videoswin.data.dataset import BadVideo
from videoswin.data.ledger import BadSampleLedger, append_bad_videos
from videoswin.errors import StorageError


def bad(path: str, index: int = 3) -> BadVideo:
    return BadVideo(index=index, path=path, label=1, code="V05", reason="not a video")


def test_every_bad_video_is_a_line(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"<html>")
    ledger = BadSampleLedger(tmp_path / "bad_samples.jsonl")
    assert str(ledger) == "bad 0 of 0"
    assert ledger.bad_fraction == 0
    ledger.record(4, [], stage="train", epoch=0)
    assert not ledger.path.exists()
    ledger.record(2, [bad(str(video)), bad("gone\n.mp4", 5)], stage="train", epoch=2)
    lines = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    assert lines[0] == {
        "path": str(video),
        "size_bytes": 6,
        "mtime_seconds": video.stat().st_mtime,
        "index": 3,
        "label": 1,
        "stage": "train",
        "epoch": 2,
        "code": "V05",
        "reason": "not a video",
    }
    assert (lines[1]["path"], lines[1]["size_bytes"], lines[1]["index"]) == ("gone\n.mp4", None, 5)
    assert str(ledger) == f"bad 2 of 8 (listed in {ledger.path})"
    assert ledger.bad_fraction == 0.25


def test_an_epoch_counts_anew_and_the_file_goes_on(tmp_path: Path) -> None:
    ledger = BadSampleLedger(tmp_path / "bad_samples.jsonl")
    for epoch in (0, 1):
        ledger.start_epoch()
        ledger.record(1, [bad("a.mp4")], stage="validation", epoch=epoch)
        assert (ledger.num_bad, ledger.num_samples) == (1, 2)
    assert [json.loads(line)["epoch"] for line in ledger.path.read_text().splitlines()] == [0, 1]


def test_names_that_are_no_unicode_are_written(tmp_path: Path) -> None:
    append_bad_videos(tmp_path / "bad.jsonl", [bad("\udce9\0.mp4")], stage="test", epoch=0)
    assert json.loads((tmp_path / "bad.jsonl").read_text())["path"] == "\udce9\0.mp4"


def test_a_list_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "bad_samples.jsonl"
    with pytest.raises(
        StorageError, match=r"cannot write .*bad_samples.jsonl: No such file or directory"
    ) as caught:
        append_bad_videos(path, [bad("a.mp4")], stage="test", epoch=0)
    assert caught.value.exit_code == 7
