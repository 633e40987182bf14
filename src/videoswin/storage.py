"""Writing a file so that at every instant the old or the new one is there, whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from videoswin.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`: a temporary file in the same folder, flushed to disk, then renamed into
    place.

    Raises StorageError naming path, bytes and cause (no space, read-only, no such folder); nothing is left
    behind then.
    """
    try:
        with replacement(path, prefix=f".{path.name}.") as (file, _):
            file.write(content)
    except OSError as error:
        raise StorageError(f"cannot write {path} ({len(content):,} bytes): {error.strerror}") from error


@contextmanager
def replacement(path: Path, *, prefix: str) -> Iterator[tuple[BinaryIO, Path]]:
    """(a file to write, its place for now): it takes the place of `path` at the end, flushed to disk, and
    leaves nothing behind after an exception.

    prefix: of its name until then; a killed process leaves that. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, Path(name)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def _umask() -> int:
    # mkstemp gives 0600; a result file should have the rights that any new file of the user gets.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
