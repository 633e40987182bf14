"""Files are written whole or not at all."""

from __future__ import annotations

import os

import pytest

from videoswin.errors import StorageError
from videoswin.storage import write_atomically


def test_new_content_replaces_old(tmp_path):
    path = tmp_path / "report.json"
    for content in (b"first", b"second, longer"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_names_path_bytes_and_cause_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "x" / "report.json"
    with pytest.raises(
        StorageError, match=r"cannot write .*report\.json \(1,234 bytes\): No such file or directory"
    ):
        write_atomically(path, b"0" * 1234)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_atomically(path, b"old")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(StorageError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
