"""Every change of a folder is seen and named, and reading is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from videoswin.verify.tree import differences, look


def keep_time(path: Path, change: Callable[[Path], object]) -> None:
    status = path.stat()
    change(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: list[tuple[str, Callable[[Path], object], list[str]]] = [
    ("nothing", lambda folder: (folder / "a/one.mp4").read_bytes(), []),
    ("mode", lambda folder: (folder / "a/one.mp4").chmod(0o600), ["a/one.mp4: mode changed"]),
    ("time", lambda folder: os.utime(folder / "a", (1, 1)), ["a: time of change changed"]),
    (
        "content",
        lambda folder: keep_time(folder / "a/one.mp4", lambda path: path.write_bytes(b"two")),
        ["a/one.mp4: content changed"],
    ),
    (
        "more",
        lambda folder: keep_time(folder, lambda path: (path / "new").touch()),
        [".: content changed", "new appeared"],
    ),
    (
        "moved",
        lambda folder: keep_time(folder / "a", lambda path: (path / "one.mp4").rename(path / "1.mp4")),
        ["a/1.mp4 appeared", "a/one.mp4 is gone", "a: content changed"],
    ),
    (
        "link",
        lambda folder: keep_time(folder, lambda path: ((path / "l").unlink(), (path / "l").symlink_to("b"))),
        ["l: time of change, content changed"],
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_changes(tmp_path: Path, change: Callable[[Path], object], expected: list[str]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.mp4").write_bytes(b"one")
    (tmp_path / "l").symlink_to("a")
    before = look(tmp_path)
    change(tmp_path)
    found = [line.replace(".: size, content", ".: content") for line in differences(before, look(tmp_path))]
    assert found == expected
