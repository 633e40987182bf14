"""T05, T06: no space, read-only, gone. The last good checkpoint stays as it is, and the message says what was
needed."""

from __future__ import annotations

import errno
import os
import re
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.train.checkpoint.material import assert_equal, names, snapshot
from videoswin.errors import StorageError
from videoswin.train.checkpoint import CheckpointFolder


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_first_is_intact(folder: Path) -> None:
    assert names(folder) == ["step-00000001"]
    assert_equal(CheckpointFolder(folder).find(), snapshot(1))


def test_t05_a_limit_at_every_size_of_every_file(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path)
    path = checkpoints.save(snapshot(1))
    sizes = {file.name: file.stat().st_size for file in path.iterdir()}
    needed = sum(sizes.values()) - sizes["MANIFEST.json"]
    edges = {edge for size in sizes.values() for edge in (0, 1, size // 2, size - 1)}
    for limit in edges - {max(sizes.values())}:
        with largest_file(limit), pytest.raises(StorageError) as caught:
            checkpoints.save(snapshot(2))
        expected = (
            rf"cannot save step 2 in {re.escape(str(tmp_path))}: File too large; ([\d,]+) bytes needed, "
        )
        match = re.match(
            expected + r"[\d,]+ free; the checkpoints before it are as they were$", str(caught.value)
        )
        assert match is not None
        assert int(match[1].replace(",", "")) == pytest.approx(needed, abs=3)
        assert caught.value.exit_code == 7
        assert_first_is_intact(tmp_path)
    with largest_file(max(sizes.values())):
        checkpoints.save(snapshot(2))


# A real disk with these faults can't be had in a test; `videoswin verify storage` has a real full disk.
@pytest.mark.parametrize("call", ["write", "fsync", "mkdir", "rename", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_t06_every_fault_of_every_call(
    tmp_path: Path, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = CheckpointFolder(tmp_path)
    checkpoints.save(snapshot(1))

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(StorageError, match=f"cannot save step 2 in .*: {os.strerror(number)};"):
            checkpoints.save(snapshot(2))
    if call == "open":  # nothing could be removed either: the next save does
        checkpoints.save(snapshot(2))
        assert names(tmp_path) == ["step-00000001", "step-00000002"]
        return
    assert_first_is_intact(tmp_path)


def test_t06_a_folder_that_is_gone(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path / "run" / "checkpoints")
    with pytest.raises(StorageError, match=r"cannot save step 1 in .*: No such file or directory; .* needed"):
        checkpoints.save(snapshot(1))
    assert names(tmp_path) == []  # perhaps a disk that is not mounted: nothing is made in its place


def test_older_ones_that_can_not_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = CheckpointFolder(tmp_path)
    checkpoints.save(snapshot(1))
    rename = os.rename

    def only_new(source: Path, target: Path) -> None:
        if not Path(source).name.startswith(".tmp"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(source, target)

    monkeypatch.setattr(os, "rename", only_new)
    with pytest.raises(
        StorageError, match=r"saved step-00000002, but cannot remove older ones in .*: Input/outp"
    ):
        checkpoints.save(snapshot(2), keep=1)
    assert_equal(checkpoints.find(), snapshot(2))


def test_what_does_not_read_back_as_it_was_written_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that loses bytes: the file is changed between writing and reading back."""
    checkpoints = CheckpointFolder(tmp_path)
    checkpoints.save(snapshot(1))
    fsync = os.fsync

    def loses_a_byte(descriptor: int) -> None:
        fsync(descriptor)
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if path.endswith("model.safetensors"):
            os.truncate(path, os.path.getsize(path) - 1)

    monkeypatch.setattr(os, "fsync", loses_a_byte)
    with pytest.raises(
        StorageError, match=r"reads back differently: model\.safetensors has 547 bytes instead of 548"
    ):
        checkpoints.save(snapshot(2))
    monkeypatch.undo()
    assert_first_is_intact(tmp_path)


def test_a_disk_that_can_not_flush_folders_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    CheckpointFolder(tmp_path).save(snapshot(1))
    assert_first_is_intact(tmp_path)
