"""A small disk and a folder that can't be written to, where this user may mount."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MountRefused(Exception):
    """This user or this system does not mount. Its text says why."""


@contextmanager
def small_disk(folder: Path, *, num_bytes: int) -> Iterator[None]:
    """An empty tmpfs over `folder`. Raises MountRefused."""
    _mount("-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder` and what is in it, mounted over itself without the right to write. Raises MountRefused."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,ro,bind", str(folder))
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise MountRefused("there is no mount command") from error
    except subprocess.CalledProcessError as error:
        raise MountRefused(f"mounting was refused: {error.stderr.strip()}") from error
