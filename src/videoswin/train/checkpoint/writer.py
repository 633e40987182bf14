"""Saving while training goes on, or not."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from videoswin.train.checkpoint.folder import CheckpointFolder
from videoswin.train.checkpoint.snapshot import Snapshot


class Writer:
    """Saves snapshots to `folder` and keeps the newest `keep`. To be closed.

    asynchronous: in a thread, from a copy made at once, which takes the tensors' size in memory; the next
    save waits for it.
    """

    def __init__(self, folder: CheckpointFolder, *, keep: int, asynchronous: bool) -> None:
        self._folder = folder
        self._keep = keep
        self._thread = ThreadPoolExecutor(max_workers=1) if asynchronous else None
        self._running: Future[Path] | None = None

    def save(self, snapshot: Snapshot) -> None:
        """Raises StorageError: of this save, or asynchronous, of the one before."""
        if self._thread is None:
            self._folder.save(snapshot, keep=self._keep)
            return
        self._wait()
        self._running = self._thread.submit(self._folder.save, snapshot.copied(), keep=self._keep)

    def close(self) -> None:
        """Wait for the last save. Raises its StorageError."""
        try:
            self._wait()
        finally:
            if self._thread is not None:
                self._thread.shutdown()

    def _wait(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.result()
