from __future__ import annotations

import os
from pathlib import Path

import pytest

from videoswin.errors import StorageError
from videoswin.train.growing_file import append_line, cut_back, flushed_length

HEADER = b"step\n"


def append(path: Path, *steps: int) -> None:
    for step in steps:
        append_line(path, b"%d\n" % step, header=HEADER)


def test_cut_back_and_written_again_it_is_the_file_of_one_run(tmp_path: Path) -> None:
    """T01: what a killed process wrote after its last checkpoint is gone from its files too."""
    path = tmp_path / "metrics.csv"
    append(path, 0)
    length = flushed_length(path)
    assert length == os.path.getsize(path) == 7
    append(path, 1, 2)
    whole = path.read_bytes()
    cut_back(path, length)
    assert path.read_bytes() == b"step\n0\n"
    append(path, 1, 2)
    assert path.read_bytes() == whole == b"step\n0\n1\n2\n"


def test_cut_to_nothing_the_next_line_brings_the_header_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert flushed_length(path) == 0
    cut_back(path, 0)  # there is no file yet
    append(path, 0)
    cut_back(path, 0)
    append(path, 0)
    assert path.read_bytes() == b"step\n0\n"


def test_lines_that_are_gone_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metrics.csv"
    append(path, 0)
    cut_back(path, 1200)
    assert caplog.messages == [f"{path} has 7 bytes, 1,200 were written: lines are missing"]
    assert path.read_bytes() == b"step\n0\n"


def test_a_length_that_the_disk_does_not_confirm_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    append(tmp_path / "metrics.csv", 0)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=r"cannot flush .*metrics\.csv to the disk: Input/output error"):
        flushed_length(tmp_path / "metrics.csv")


def test_a_file_that_cannot_be_cut_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(StorageError, match=r"cannot cut .*metrics\.csv back: Is a directory"):
        cut_back(tmp_path / "metrics.csv", 1)
