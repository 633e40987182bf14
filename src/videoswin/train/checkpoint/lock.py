"""One run a folder: a second one is refused, naming the first."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from videoswin.errors import InUseError, StorageError

logger = logging.getLogger(__name__)

FILE = ".lock"

_held: set[int] = set()


def _let_go_in_child() -> None:
    # A forked loader worker may outlive its killed parent; it must not keep the lock.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


class RunLock:
    """Holds `folder` from `with` to its end, by a lock of the system that dies with the process.

    Raises InUseError, within a second, naming host, process and start of the run that has it; StorageError if
    the folder can't be written to or its file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        try:
            # Python's descriptors don't survive exec, so no program that is started inherits the lock.
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._take()
            except BaseException:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise StorageError(f"cannot lock {self.path}: {error.strerror}") from error
        _held.add(self._descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _held.discard(self._descriptor)
        os.ftruncate(self._descriptor, 0)  # an empty file: it ended by itself
        os.close(self._descriptor)

    def _take(self) -> None:
        if not self._is_free():
            holder = self._read_holder() or "another run"
            raise InUseError(f"{self.path.parent} is in use by {holder}")
        if before := self._read_holder():
            logger.warning(
                f"{self.path.parent} was held by {before}, which did not end by itself: taken over"
            )
        own = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(own).encode(), 0)

    def _is_free(self) -> bool:
        """The lock, taken. Tried for half a second: a run that was just killed may still be dying."""
        for _ in range(10):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                time.sleep(0.05)
        return False

    def _read_holder(self) -> str:
        """Empty if the last one ended by itself, or its name can't be read."""
        try:
            holder = json.loads(os.pread(self._descriptor, 4096, 0))
            return f"process {holder['pid']} on {holder['host']}, started {holder['started']}"
        except (ValueError, KeyError, TypeError):
            return ""
