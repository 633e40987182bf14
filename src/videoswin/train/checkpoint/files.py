"""One file of a checkpoint: written with its checksum, flushed to the disk, read again."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from videoswin.errors import CheckpointError, StorageError
from videoswin.faults import reached

_READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """Length and SHA-256 (64 hexadecimal digits) of a file."""

    num_bytes: int
    sha256: str


def write_file(path: Path, parts: Iterable[memoryview], *, num_bytes: int) -> Stored:
    """Write a new file of `parts`, `num_bytes` in all, and flush it to the disk. Raises OSError."""
    digest = hashlib.sha256()
    half, written = num_bytes // 2, 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        reached("checkpoint.file_made")
        for part in parts:
            digest.update(part)
            if written <= half < written + len(part):
                _write_all(descriptor, part[: half - written])
                reached("checkpoint.file_half")
                _write_all(descriptor, part[half - written :])
            else:
                _write_all(descriptor, part)
            written += len(part)
        reached("checkpoint.file_written")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    reached("checkpoint.file_synced")
    assert written == num_bytes
    return Stored(num_bytes=num_bytes, sha256=digest.hexdigest())


def _write_all(descriptor: int, part: memoryview) -> None:
    # One call may take less: near a limit, and never more than 2 GiB.
    while len(part):
        part = part[os.write(descriptor, part) :]


def require_same(path: Path, expected: Stored) -> None:
    """Raise CheckpointError unless the file is the one that was written."""
    with opened(path) as descriptor:
        found = os.fstat(descriptor).st_size
        if found != expected.num_bytes:
            raise CheckpointError(f"{path.name} has {found:,} bytes instead of {expected.num_bytes:,}")
        _forget_cached(descriptor)
        digest = hashlib.sha256()
        while part := os.read(descriptor, _READ_BYTES):
            digest.update(part)
    if digest.hexdigest() != expected.sha256:
        raise CheckpointError(f"sha256 differs: {path.name}")


def read_small(path: Path, *, max_bytes: int) -> bytes:
    """The content of a file that should be small. Raises CheckpointError if it is larger or can't be read."""
    with opened(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        found = os.fstat(descriptor).st_size
        if found > max_bytes:
            raise CheckpointError(f"{path.name} has {found:,} bytes; allowed: {max_bytes:,}")
        return file.read(max_bytes)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of a regular file, to read. CheckpointError for a link, a pipe, and whatever can't be
    read."""
    try:
        # A pipe would block for ever; a link could lead anywhere.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CheckpointError(f"{path.name} is no regular file")
            yield descriptor
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.name} is missing") from error
    except OSError as error:
        kind = "is a link" if path.is_symlink() else f"can't be read: {error.strerror}"
        raise CheckpointError(f"{path.name} {kind}") from error


def _forget_cached(descriptor: int) -> None:
    """Have the file read from the disk and not from memory, where the system can be asked to."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks don't have it for folders
            raise
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(what: str, folder: Path, *, num_bytes: int) -> Iterator[None]:
    """An OSError inside becomes a StorageError: what was done where, the cause, bytes needed and free."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{what} in {folder}: {error.strerror}; {num_bytes:,} bytes needed, {_free(folder)} free; "
            "the checkpoints before it are as they were"
        ) from error


def _free(folder: Path) -> str:
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return f"{shutil.disk_usage(folder).free:,}"
    except OSError:  # the same fault; the message has it already
        return "unknown"
