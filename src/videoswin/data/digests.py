"""Whether files have the same content, read no more than that needs.

Digests are kept while size and time of change of their file are the same. Nothing here fails for want of a
place to keep them: they are computed again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from videoswin.data.gate import open_regular
from videoswin.errors import DecodeError

_log = logging.getLogger(__name__)

_PART_BYTES = 65_536
_READ_BYTES = 1 << 20


def default_place() -> Path:
    """`VIDEOSWIN_CACHE`, else `videoswin` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("VIDEOSWIN_CACHE") or Path(home) / "videoswin") / "digests.sqlite"


class Digests:
    """Groups files by content. To be used with `with`."""

    def __init__(self, place: Path) -> None:
        self._kept = _open_kept(place)
        self.num_read = 0
        """Files opened, as their digests were not kept."""

    def __enter__(self) -> Digests:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.commit()
        self._kept.close()

    def same_content(self, files: Iterable[str]) -> list[list[str]]:
        """Groups of two and more with the same bytes, of files of one size. Those that can't be read are in
        none."""
        quick = _grouped((self._digest(file, is_whole=False), file) for file in files)
        groups = []
        for alike in quick:
            groups += _grouped((self._digest(file, is_whole=True), file) for file in alike)
        return groups

    def _digest(self, file: str, *, is_whole: bool) -> str:
        """Of size and first, middle and last 64 KiB, or of everything; the name of the file where it can't be
        read, which no other has."""
        try:
            status = os.stat(file)
            key = (file, status.st_size, status.st_mtime_ns, is_whole)
            kept = self._kept.execute(
                "SELECT digest FROM digests WHERE file=? AND size=? AND mtime=? AND is_whole=?", key
            ).fetchone()
            if kept is not None:
                return str(kept[0])
            with open_regular(file) as stream:
                self.num_read += 1
                digest = _whole(stream) if is_whole else _sampled(stream, status.st_size)
        except (OSError, DecodeError, UnicodeEncodeError) as error:
            _log.debug("%s: not compared: %s", file, error)
            return f"unread {file}"
        self._kept.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)", (*key, digest))
        return digest


def _open_kept(place: Path) -> sqlite3.Connection:
    """The digests of earlier runs, or an empty table in memory."""
    table = (
        "CREATE TABLE IF NOT EXISTS digests (file TEXT, size INTEGER, mtime INTEGER, is_whole INTEGER, "
        "digest TEXT, PRIMARY KEY (file, is_whole))"
    )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        kept = sqlite3.connect(place)
        kept.execute(table)
        kept.execute("DELETE FROM digests WHERE file IS NULL")  # fails here, if it can't be written
        return kept
    except (OSError, sqlite3.Error) as error:
        _log.debug("digests are not kept in %s: %s", place, error)
    kept = sqlite3.connect(":memory:")
    kept.execute(table)
    return kept


def _grouped(digests: Iterable[tuple[str, str]]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for digest, file in digests:
        groups.setdefault(digest, []).append(file)
    return [files for files in groups.values() if len(files) > 1]


def _sampled(stream: BinaryIO, num_bytes: int) -> str:
    digest = hashlib.sha256(str(num_bytes).encode())
    for start in (0, num_bytes // 2, max(num_bytes - _PART_BYTES, 0)):
        stream.seek(start)
        digest.update(stream.read(_PART_BYTES))
    return digest.hexdigest()


def _whole(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    while part := stream.read(_READ_BYTES):
        digest.update(part)
    return digest.hexdigest()
