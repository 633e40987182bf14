"""A folder with everything in it, to tell later whether anything changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

Tree = dict[str, tuple[int, int, int, str]]
"""Path inside -> mode, bytes, time of change in ns, SHA-256. Folders and links have their names as content;
sizes and times of folders are those of the system."""


def look(folder: Path) -> Tree:
    """Of a folder and all in it. Times of reading are not part of it: reading may change them."""
    return {str(path.relative_to(folder)): _look_at(path) for path in [folder, *sorted(folder.rglob("*"))]}


def _look_at(path: Path) -> tuple[int, int, int, str]:
    status = path.lstat()
    if path.is_symlink():
        content = os.readlink(path).encode()
    elif path.is_dir():
        content = "\n".join(sorted(os.listdir(path))).encode()
    else:
        content = path.read_bytes()
    return status.st_mode, status.st_size, status.st_mtime_ns, hashlib.sha256(content).hexdigest()


def differences(before: Tree, after: Tree) -> list[str]:
    """One line for each file or folder that appeared, went or changed."""
    lines = [f"{name} appeared" for name in after.keys() - before.keys()]
    lines += [f"{name} is gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        names = ("mode", "size", "time of change", "content")
        changed = [
            what for what, old, new in zip(names, before[name], after[name], strict=True) if old != new
        ]
        if changed:
            lines.append(f"{name}: {', '.join(changed)} changed")
    return sorted(lines)
