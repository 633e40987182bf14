"""Files that a run only appends to, line by line: metrics.csv, speed.csv, bad_samples.jsonl.

A killed run leaves whole lines, and a continued one cuts them back to what its checkpoint knows.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from videoswin.errors import StorageError

logger = logging.getLogger(__name__)


def append_line(path: Path, line: bytes, *, header: bytes) -> None:
    """All of it or nothing: what a full disk took of a line is taken back. An empty or new file gets the
    header first. Raises OSError."""
    with path.open("ab", buffering=0) as file:
        whole = file.tell()
        rest = line if whole else header + line
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(whole)
            raise


def flushed_length(path: Path) -> int:
    """Bytes of the file, which are on the disk when this returns; 0 where it does not exist. Raises
    StorageError."""
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageError(f"cannot flush {path} to the disk: {error.strerror}") from error


def cut_back(path: Path, num_bytes: int) -> None:
    """Forget what was written after `flushed_length` was `num_bytes`. A shorter file stays as it is, with a
    warning: lines are lost, but the weights are not. Raises StorageError."""
    found = path.stat().st_size if path.exists() else 0
    if found < num_bytes:
        logger.warning(f"{path} has {found:,} bytes, {num_bytes:,} were written: lines are missing")
    elif found > num_bytes:
        try:
            os.truncate(path, num_bytes)
        except OSError as error:
            raise StorageError(f"cannot cut {path} back: {error.strerror}") from error
