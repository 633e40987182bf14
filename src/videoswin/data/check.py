"""Whether a video can be used: everything its header says, and a decode from the first picture to the
last."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal, NamedTuple

from videoswin.data.container import Header
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.data.reader import FrameReader, open_reader
from videoswin.data.tar import open_member, split_member
from videoswin.errors import DecodeError

Verdict = Literal["ok", "degraded", "refused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRow:
    """The verdict on one file. What could not be learned because the file was refused before is None."""

    path: str
    hash: str = ""
    """SHA-256 of the content, in hexadecimal; empty where it can't be read."""
    size_bytes: int | None = None
    mtime_ns: int | None = None
    """Time of the last change, in nanoseconds since 1970."""
    container: str | None = None
    codec: str | None = None
    width: int | None = None
    """Of the upright picture, in pixels."""
    height: int | None = None
    rotation: int | None = None
    """Degrees counter-clockwise that were applied."""
    frames_per_second: float | None = None
    declared_frames: int | None = None
    """None also where the header makes no claim, as in Matroska."""
    decoded_frames: int | None = None
    """None also where it was not asked for."""
    seconds: float | None = None
    verdict: Verdict
    """degraded: it is used, but holds more pictures than can be decoded, or its header promises another
    number. refused: it is not used."""
    code: str = ""
    """Row of the fault catalogue, empty where the verdict is ok."""
    reason: str = ""


class Identity(NamedTuple):
    """By what a file is known to be the one seen before; of a file in a shard, that of the shard. None for
    both where it can't be looked at."""

    size_bytes: int | None
    mtime_ns: int | None


def identify(path: str | os.PathLike[str]) -> Identity:
    """The size and the time of change of a regular file; of anything else, Nones."""
    inside = split_member(os.fspath(path))
    try:
        status = os.stat(path if inside is None else inside[0])
    except (OSError, ValueError):  # gone, or never a file name: reading it says so
        return Identity(None, None)
    if not stat.S_ISREG(status.st_mode):
        return Identity(None, None)
    return Identity(status.st_size, status.st_mtime_ns)


def hash_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the content, in hexadecimal. Raises DecodeError V35 where it can't be read."""
    inside = split_member(os.fspath(path))
    try:
        with _open_plain(path) if inside is None else open_member(os.fspath(path), *inside)[0] as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError as error:
        raise DecodeError(os.fspath(path), "V35", f"can't be read: {error.strerror}") from error


def _open_plain(path: str | os.PathLike[str]) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def check_file(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> CheckRow:
    """Read a file to its end and report; a bad file is a row, not an error."""
    return _Check(path, limits, is_full=True).row()


def describe_file(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> CheckRow:
    """The same from the header and the first picture: quick, but `ok` then says nothing of the rest."""
    return _Check(path, limits, is_full=False).row()


class _Check:
    """One reading of one file, and what is known of it so far."""

    def __init__(self, path: str | os.PathLike[str], limits: Limits, *, is_full: bool) -> None:
        self._path, self._limits, self._is_full = path, limits, is_full
        self._identity = identify(path)
        size, changed = self._identity
        self._row = CheckRow(path=os.fspath(path), size_bytes=size, mtime_ns=changed, verdict="refused")

    def row(self) -> CheckRow:
        try:
            if self._is_full and self._identity.size_bytes is not None:
                self._row = replace(self._row, hash=hash_file(self._path))
            with open_reader(self._path, self._limits) as video:
                self._read(video)
            if identify(self._path) != self._identity:
                raise DecodeError(self._row.path, "V34", "changed while it was read")
        except DecodeError as error:
            return replace(self._row, verdict="refused", code=error.code, reason=error.reason)
        return self._row

    def _read(self, video: FrameReader) -> None:
        self._row = _with_header(self._row, video.header)
        info = video.info
        self._row = replace(
            self._row,
            width=info.width,
            height=info.height,
            rotation=info.rotation,
            seconds=info.seconds,
            verdict="ok",
        )
        if not self._is_full:
            return
        num_decoded, fault = video.count_decodable()
        self._row = replace(self._row, decoded_frames=num_decoded)
        if fault is not None:
            raise fault
        self._row = _compared(self._row, info.num_frames, num_decoded)


def _compared(row: CheckRow, num_packets: int, num_decoded: int) -> CheckRow:
    """The row, degraded where fewer or more pictures come out than the file says it has."""
    if row.declared_frames not in (None, num_decoded):
        reason = f"the header declares {row.declared_frames} pictures, {num_decoded} can be decoded"
        return replace(row, verdict="degraded", code="V20", reason=reason)
    if num_packets != num_decoded:
        reason = f"the file holds {num_packets} compressed pictures, {num_decoded} can be decoded"
        return replace(row, verdict="degraded", code="V30", reason=reason)
    return row


def _with_header(row: CheckRow, header: Header) -> CheckRow:
    return replace(
        row,
        container=header.container,
        codec=header.codec,
        declared_frames=header.declared_frames,
        frames_per_second=header.frames_per_second,
    )
