"""Videos inside an uncompressed tar file, read in place: FOLDER/shard-000000.tar/00000012.mp4 is a path.

Any member can be read at once by its offset, so shards follow the rules of single files: the same order, the
same clips, for any number of workers. Only plain files with plain names count (row A13 of the fault
catalogue): what a tar file says is never a path on the disk, and nothing is unpacked.
"""

from __future__ import annotations

import functools
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from videoswin.errors import AnnotationError, DecodeError

EXTENSION = ".tar"
INDEX_NAME = "shards.json"
"""Beside shards that `data prepare` wrote; a folder with it is a data set."""
LIST_NAME = "prepared.csv"
"""The labels of what `data prepare` wrote."""

_MAX_MEMBERS = 1_000_000


class Member(NamedTuple):
    """A file in a tar file: bytes [offset, offset + size) of it."""

    name: str
    offset: int
    size: int


def is_shard(path: str) -> bool:
    """Whether a data source is a tar file, a pattern of such, or a folder of them with its index."""
    return path.endswith(EXTENSION) or is_index(path)


def is_index(folder: str | os.PathLike[str]) -> bool:
    """Whether this is a folder of shards that `data prepare` finished."""
    return os.path.isfile(os.path.join(folder, INDEX_NAME))


def split_member(path: str) -> tuple[str, str] | None:
    """(tar file, name inside) of `X.tar/name`, where X.tar is no folder; None for every other path."""
    shard, separator, name = path.rpartition(f"{EXTENSION}{os.sep}")
    shard += EXTENSION
    return (shard, name) if separator and not os.path.isdir(shard) else None


def exists(path: str) -> bool:
    """Whether there is a file of this name, or a shard that may hold it."""
    if os.path.exists(path):
        return True
    inside = split_member(path)
    return inside is not None and os.path.isfile(inside[0])


def open_member(path: str, shard: str, name: str) -> tuple[BinaryIO, int]:
    """(the file inside the shard as if it were one, its size). Raises DecodeError, named after `path`."""
    try:
        descriptor = os.open(shard, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DecodeError(path, "V34", f"the shard can't be opened: {reason}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise DecodeError(path, "V33", "the shard is not a regular file")
    file = os.fdopen(descriptor, "rb")
    try:
        member = _members(shard, status.st_size, status.st_mtime_ns).get(name)
    except AnnotationError as error:
        file.close()
        raise DecodeError(path, "A13", str(error)) from error
    if member is None:
        file.close()
        raise DecodeError(path, "V34", "no such file in the shard")
    return io.BufferedReader(_Window(file, member.offset, member.size)), member.size  # type: ignore[type-var]


def read_member(shard: str, member: Member, *, max_bytes: int) -> bytes:
    """The content of a small member. Raises AnnotationError for one of more than max_bytes."""
    if member.size > max_bytes:
        raise AnnotationError(f"{shard}: {member.name!r} has {member.size:,} bytes; allowed: {max_bytes:,}")
    with open(shard, "rb") as file:
        file.seek(member.offset)
        return file.read(member.size)


def list_members(shard: str) -> list[Member]:
    """The plain files of a tar file in their order.

    Raises AnnotationError for a file that is none, is compressed or cut off, and for one that holds links,
    devices, absolute or climbing names, a name twice, or more than a million entries.
    """
    members: dict[str, Member] = {}
    try:
        with open(shard, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            num_bytes = os.fstat(file.fileno()).st_size
            for entry in _entries(shard, archive):
                if entry.name in members:
                    raise AnnotationError(f"{shard}: {entry.name!r} is there twice")
                if entry.offset_data + entry.size > num_bytes:
                    raise AnnotationError(f"{shard}: cut off inside {entry.name!r}")
                members[entry.name] = Member(entry.name, entry.offset_data, entry.size)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"{shard}: not an uncompressed tar file: {error}") from error
    except OSError as error:
        raise AnnotationError(f"{shard}: can't be read: {error.strerror}") from error
    return list(members.values())


def _entries(shard: str, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The files among the entries; folders are passed over, all else is refused."""
    for number, entry in enumerate(archive):
        if number >= _MAX_MEMBERS:
            raise AnnotationError(f"{shard}: more than {_MAX_MEMBERS:,} entries")
        parts = entry.name.split("/")
        if entry.name.startswith("/") or ".." in parts or "\0" in entry.name or "\\" in entry.name:
            raise AnnotationError(f"{shard}: the name {entry.name!r} leaves the archive")
        if entry.isdir():
            continue
        if not entry.isreg() or entry.issparse():
            raise AnnotationError(f"{shard}: {entry.name!r} is a link, a device or sparse, not a plain file")
        yield entry
        archive.members.clear()  # type: ignore[attr-defined]  # it keeps every entry it has seen


@functools.lru_cache(maxsize=4096)
def _members(shard: str, size_bytes: int, mtime_ns: int) -> dict[str, Member]:
    """The members by name, looked up once a process; the size and time of the file tell a new one apart."""
    return {member.name: member for member in list_members(shard)}


class _Window(io.RawIOBase):
    """Bytes [offset, offset + size) of a file as a file of their own."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._file, self._offset, self._size = file, offset, size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("a place before the beginning of the file")
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self._file.seek(self._offset + self._place)
        wanted = max(min(len(buffer), self._size - self._place), 0)
        content = self._file.read(wanted)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()
