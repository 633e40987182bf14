"""The checkpoints of a run: `step-00000120/` and so on. One process writes to it (RunLock sees to that)."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from videoswin.errors import CheckpointError, StorageError
from videoswin.faults import reached
from videoswin.train.checkpoint.content import Content
from videoswin.train.checkpoint.files import storage_errors, sync_folder
from videoswin.train.checkpoint.manifest import MANIFEST
from videoswin.train.checkpoint.reading import read_checked, verify
from videoswin.train.checkpoint.snapshot import Snapshot

logger = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{8,})(?:\.(\d+))?")
"""The second saving of the same step is step-00000120.1: nothing that is whole is ever written over."""
_TEMPORARY = re.compile(r"\.tmp-(step|old)-\d{8,}(\.\d+)?-\d+")

_Seen = tuple[tuple[str, int, int, int], ...]


class CheckpointFolder:
    """Saves snapshots and finds the newest good one. Whatever has a name without a dot in front was written
    whole, flushed to the disk and read back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: dict[str, _Seen] = {}  # what this process has read and found good

    def save(self, snapshot: Snapshot, *, keep: int = 3) -> Path:
        """Write a checkpoint and return its folder.

        Of the good ones the newest `keep` stay, what is older goes; so do later steps, which are of a history
        that this one has left. Raises StorageError naming path, cause, bytes needed and free; the other
        checkpoints are untouched then.
        """
        if keep < 1:
            raise ValueError(f"keep is {keep}; allowed: 1 or more")
        content = Content.of(snapshot)
        with storage_errors(f"cannot save step {snapshot.step}", self.folder, num_bytes=content.num_bytes):
            reached("checkpoint.before_folder")
            self._prepare()
            name = self._free_name(snapshot.step)
            self._write(name, content)
        with storage_errors(f"saved {name}, but cannot remove older ones", self.folder, num_bytes=0):
            self._retire(name, keep=keep)
        return self.folder / name

    def find(self, log: Callable[[str], None] = logger.warning) -> Snapshot | None:
        """The newest good checkpoint, None if there is none at all.

        log: gets a line for each that is damaged or incomplete. Raises CheckpointError if all are damaged.
        """
        damaged: list[str] = []
        try:
            names = self._names()
        except OSError as error:
            raise CheckpointError(f"{self.folder} can't be listed: {error.strerror}") from error
        for name in names:
            if not _has_manifest(self.folder / name):
                log(f"{self.folder / name} has no {MANIFEST}: ignored")
                continue
            try:
                snapshot = read_checked(self.folder / name, log=log)
                if snapshot.step != _order(name)[0]:
                    raise CheckpointError(f"it holds step {snapshot.step}")
            except CheckpointError as error:
                damaged.append(f"step {_order(name)[0]} damaged ({error})")
                continue
            if damaged:
                log(f"{'; '.join(damaged)}, using step {snapshot.step}")
            self._verified[name] = _seen(self.folder / name)
            return snapshot
        if damaged:
            raise CheckpointError(f"{self.folder}: no checkpoint can be used: {'; '.join(damaged)}")
        return None

    def _names(self) -> list[str]:
        """Of the checkpoints, good or not, newest first."""
        found = os.listdir(self.folder) if self.folder.is_dir() else []
        return sorted(filter(_NAME.fullmatch, found), key=_order, reverse=True)

    def _prepare(self) -> None:
        """Make the folder if needed, without what killed processes left half done."""
        if not self.folder.is_dir():
            self.folder.mkdir()  # not its parents: a folder that is gone was perhaps unmounted
            sync_folder(self.folder.parent)
        for path in self.folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                shutil.rmtree(path)

    def _free_name(self, step: int) -> str:
        same = [revision for found, revision in map(_order, self._names()) if found == step]
        return f"step-{step:08d}" + (f".{max(same) + 1}" if same else "")

    def _write(self, name: str, content: Content) -> None:
        """It gets its name when all of it has been flushed to the disk and read back. Raises OSError."""
        temporary = self.folder / f".tmp-{name}-{os.getpid()}"
        try:
            temporary.mkdir()
            reached("checkpoint.after_folder")
            content.write(temporary)
            _read_back(temporary)
            os.rename(temporary, self.folder / name)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)  # the first fault is what counts
            raise
        reached("checkpoint.renamed")
        sync_folder(self.folder)
        self._verified[name] = _seen(self.folder / name)
        reached("checkpoint.kept")

    def _retire(self, newest: str, *, keep: int) -> None:
        """Remove what `newest`, which is good, makes superfluous. What has no manifest is not ours."""
        num_good = 1
        for name in self._names():
            if name == newest or not _has_manifest(self.folder / name):
                continue
            is_left_behind = _order(name)[0] >= _order(newest)[0]
            if is_left_behind or num_good >= keep:
                self._remove(name)
            else:
                num_good += self._is_good(name)

    def _is_good(self, name: str) -> bool:
        """Read once; afterwards only names, sizes and times are looked at."""
        seen = _seen(self.folder / name)
        if self._verified.get(name) == seen:
            return True
        try:
            verify(self.folder / name)
        except CheckpointError as error:
            logger.warning(f"{self.folder / name} damaged ({error}): not counted")
            return False
        self._verified[name] = seen
        return True

    def _remove(self, name: str) -> None:
        # Under another name first: a checkpoint that is there is whole.
        leaving = self.folder / f".tmp-{name.replace('step', 'old')}-{os.getpid()}"
        os.rename(self.folder / name, leaving)
        reached("checkpoint.removal_begun")
        (leaving / MANIFEST).unlink()
        reached("checkpoint.removal_half")
        shutil.rmtree(leaving)
        self._verified.pop(name, None)
        reached("checkpoint.removed")


def _read_back(folder: Path) -> None:
    try:
        verify(folder)
    except CheckpointError as error:
        raise StorageError(f"{folder.parent}: what was written reads back differently: {error}") from error
    reached("checkpoint.verified")


def _has_manifest(folder: Path) -> bool:
    try:
        os.lstat(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass  # reading it will say why
    return True


def _order(name: str) -> tuple[int, int]:
    """(step, revision)"""
    match = _NAME.fullmatch(name)
    assert match is not None
    return int(match[1]), int(match[2] or 0)


def _seen(folder: Path) -> _Seen:
    files = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(folder)]
    return tuple(sorted((name, status.st_size, status.st_mtime_ns, status.st_ino) for name, status in files))
