"""Writing a file so that at every instant the old or the new one is there, whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from videoswin.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`: a temporary file in the same folder, flushed to disk, then renamed into
    place.

    Raises StorageError naming path, bytes and cause (no space, read-only, no such folder); nothing is left
    behind then.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path} ({len(content):,} bytes): {error.strerror}") from error


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
