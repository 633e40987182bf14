"""The disk is full at every byte of a save, or can't be written to: the message says so and what was there
stays."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from videoswin.train.checkpoint import CheckpointFolder
from videoswin.verify.mounts import MountRefused, read_only, small_disk
from videoswin.verify.outcome import Check
from videoswin.verify.saver import Ended, Job, Saver, is_of_its_step, saver, snapshot_of
from videoswin.verify.tree import Tree, differences, look

_PAGE = 4096
_DISK_BYTES = 2 << 20
_FIRST = "step-00000001"


def verify_storage(*, progress: Callable[[str], None] = lambda what: None) -> list[Check]:
    """All checks, in a temporary folder. progress: is told what is about to be done."""
    checks = []
    with tempfile.TemporaryDirectory(prefix="videoswin-verify-") as name, saver() as saving:
        for check in (_limited_files, _full_disk, _read_only, _gone):
            folder = Path(name) / check.__name__
            folder.mkdir()
            progress(check.__name__.strip("_").replace("_", " "))
            checks.append(check(folder, saving))
    return checks


def _limited_files(folder: Path, saving: Saver) -> Check:
    """No file may grow beyond so many bytes: at the beginning, the header, the middle and the end of each."""
    before = _first_save(folder)
    sizes = {path.name: path.stat().st_size for path in (folder / _FIRST).iterdir()}
    edges = {edge for size in sizes.values() for edge in (0, 1, 7, 8, 9, 100, size // 2, size - 1)}
    limits = sorted(edge for edge in edges if edge < max(sizes.values()))
    problems = []
    for limit in limits:
        ended = saving.run(Job(folder=str(folder), first=2, saves=1, max_bytes=limit))
        problems += [f"{limit} bytes: {it}" for it in _problems(folder, ended, before, "File too large")]
    ended = saving.run(Job(folder=str(folder), first=2, saves=1, max_bytes=max(sizes.values())))
    if ended.error:
        problems.append(f"room for all, but {ended.error}")
    numbers = f"{len(limits)} limits, 0 to {limits[-1]:,} bytes"
    return Check.of("no file beyond N bytes (RLIMIT_FSIZE)", problems, numbers)


def _full_disk(folder: Path, saving: Saver) -> Check:
    """A disk with 0, 1, 2, ... free pages until the save fits."""
    what = "disk full after N bytes (tmpfs)"
    checkpoints, ballast = folder / "checkpoints", folder / "ballast"
    problems: list[str] = []
    try:
        with small_disk(folder, num_bytes=_DISK_BYTES):
            checkpoints.mkdir()
            before = _first_save(checkpoints)
            ballast.touch()
            for free in range(_DISK_BYTES // _PAGE):
                _leave_free(ballast, free)
                ended = saving.run(Job(folder=str(checkpoints), first=2, saves=1))
                if ended.saved:
                    break
                found = _problems(checkpoints, ended, before, "No space left on device")
                problems += [f"{free} pages: {it}" for it in found]
            if not ended.saved:
                problems.append(f"room for all, but {ended.error}")
    except MountRefused as error:
        return Check(what=what, result="not tried", numbers=str(error))
    return Check.of(what, problems, f"{free} sizes, 0 to {(free - 1) * _PAGE:,} bytes free; then it fits")


def _leave_free(ballast: Path, pages: int) -> None:
    status = os.statvfs(ballast)
    size = ballast.stat().st_size + status.f_bavail * status.f_frsize - pages * _PAGE
    os.truncate(ballast, 0)
    descriptor = os.open(ballast, os.O_WRONLY)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def _read_only(folder: Path, saving: Saver) -> Check:
    """Mounted so where this user may; else by its rights, which root would ignore."""
    before = _first_save(folder)
    what, reason = "folder can't be written to (mounted read-only)", "Read-only file system"
    with ExitStack() as stack:
        try:
            stack.enter_context(read_only(folder))
        except MountRefused as error:
            if os.geteuid() == 0:
                return Check(what=what, result="not tried", numbers=str(error))
            what, reason = "folder can't be written to (mode 555)", "Permission denied"
            folder.chmod(0o555)
            stack.callback(folder.chmod, 0o755)
        ended = saving.run(Job(folder=str(folder), first=2, saves=1))
        return Check.of(what, _problems(folder, ended, before, reason), "1 save")


def _gone(folder: Path, saving: Saver) -> Check:
    """As a disk that is no longer mounted: nothing is made in its place."""
    ended = saving.run(Job(folder=str(folder / "run" / "checkpoints"), first=1, saves=1))
    problems = [] if "No such file or directory" in ended.error else [ended.error or "no error"]
    problems += [f"{path} was made" for path in folder.iterdir()]
    return Check.of("folder of the run is gone", problems, "1 save")


def _first_save(folder: Path) -> Tree:
    return look(CheckpointFolder(folder).save(snapshot_of(1)))


def _problems(folder: Path, ended: Ended, before: Tree, reason: str) -> list[str]:
    """What is wrong after a save of step 2 that could not succeed."""
    expected = (
        rf"cannot save step 2 in {re.escape(str(folder))}: {reason}; "
        r"[\d,]+ bytes needed, [\d,]+ free; the checkpoints before it are as they were"
    )
    problems = [] if re.fullmatch(expected, ended.error) else [ended.error or "no error"]
    left = sorted(path.name for path in folder.iterdir())
    if left != [_FIRST]:
        return [*problems, f"the folder holds {', '.join(left)}"]
    problems += differences(before, look(folder / _FIRST))
    found = CheckpointFolder(folder).find(problems.append)
    if found is None or found.step != 1 or not is_of_its_step(found):
        problems.append("the checkpoint before it is not found")
    return problems
