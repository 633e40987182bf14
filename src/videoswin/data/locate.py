"""Video files for ids: Kinetics and Something-Something list ids, and everyone names the files a little
differently."""

from __future__ import annotations

import os
from collections.abc import Iterable

from videoswin.data.rows import VIDEO_EXTENSIONS


class Finder:
    """Video files below a root. Each folder is listed once, whatever is asked for."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.fspath(root)
        self._folders: dict[str, dict[str, str]] = {}

    def find(self, folders: Iterable[str], stems: Iterable[str]) -> str | None:
        """`folder/name` of the first file, relative to the root: in the order of the folders, then of the
        names without their ends; None where there is none. No folder can lie outside the root."""
        stems = tuple(stems)
        for folder in folders:
            if folder.startswith("/") or ".." in folder.split("/"):
                continue
            names = self._listed(folder)
            for stem in stems:
                if stem in names:
                    return f"{folder}/{names[stem]}" if folder else names[stem]
        return None

    def _listed(self, folder: str) -> dict[str, str]:
        """Name of each video file by its name without the end; empty for a folder that is not there."""
        if folder not in self._folders:
            try:
                names = sorted(os.listdir(os.path.join(self._root, folder)), reverse=True)
            except (OSError, ValueError):  # no such folder; a label that can't be one
                names = []
            self._folders[folder] = {
                os.path.splitext(name)[0]: name for name in names if name.lower().endswith(VIDEO_EXTENSIONS)
            }
        return self._folders[folder]
