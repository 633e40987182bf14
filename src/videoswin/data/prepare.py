"""One video file to one prepared file: re-encoded, checked by reading it back, and only then put in place."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from videoswin.data.check import hash_file, identify
from videoswin.data.decode import open_video
from videoswin.data.encode import Encoding, encode_pictures, read_comment
from videoswin.data.gate import open_regular
from videoswin.errors import DecodeError, StorageError
from videoswin.storage import replacement

TEMPORARY_PREFIX = ".prepare-"
"""Of files that are not complete; a run that was killed leaves them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One file to prepare."""

    source: str
    output: str
    """Absolute path of the file to make."""
    output_name: str
    """The same, relative to the folder of the archive."""
    encoding: Encoding


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRow:
    """What became of one source file. Where it could not be prepared, `code` and `reason` say why."""

    source: str
    source_hash: str = ""
    """SHA-256, hexadecimal."""
    source_bytes: int | None = None
    source_mtime_ns: int | None = None
    output: str = ""
    """Relative to the folder of the manifest."""
    output_hash: str = ""
    output_bytes: int | None = None
    frames_in: int | None = None
    """Pictures that can be decoded from the source."""
    frames_out: int | None = None
    seconds: float | None = None
    code: str = ""
    reason: str = ""


def prepare_file(job: Job) -> ManifestRow:
    """Make the output of one job, or adopt the one that is there if it is exactly that.

    A bad source is a row with a reason, not an error. The output appears whole or not at all: it is written
    beside its place, flushed to disk, read back, then renamed. Raises StorageError.
    """
    identity = identify(job.source)
    row = ManifestRow(source=job.source, source_bytes=identity.size_bytes, source_mtime_ns=identity.mtime_ns)
    try:
        with open_regular(job.source):  # says in one line why it is no video
            source_hash = hash_file(job.source)
        comment = _comment(source_hash, job.encoding)
        num_frames = _adopt(job.output, comment) or _make(job, comment)
        if identify(job.source) != identity:
            raise DecodeError(job.source, "V34", "changed while it was read")
    except DecodeError as error:
        return replace(row, code=error.code, reason=error.reason)
    with open_video(job.output) as video:
        seconds = round(video.info.seconds, 6)
    return replace(
        row,
        source_hash=source_hash,
        output=job.output_name,
        output_hash=hash_file(job.output),
        output_bytes=os.path.getsize(job.output),
        frames_in=num_frames,
        frames_out=num_frames,
        seconds=seconds,
    )


def clear_temporary_files(folder: str) -> None:
    """Remove what killed runs left unfinished below the folder."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.startswith(TEMPORARY_PREFIX):
                os.unlink(os.path.join(parent, name))


def _comment(source_hash: str, encoding: Encoding) -> str:
    """Kept in the output: from which content, and how, it was made."""
    return json.dumps({"videoswin": "prepare 1", "source": source_hash, **asdict(encoding)})


def _adopt(output: str, comment: str) -> int | None:
    """The number of frames of an output that is there, whole, of this source and encoding; else None.

    So ends a run that was stopped after the rename and before the manifest.
    """
    if not os.path.isfile(output):
        return None
    try:
        with open_regular(output) as file:
            is_same = read_comment(file) == comment
        return _num_sound_frames(output) if is_same else None
    except DecodeError:
        return None  # it is made anew


def _make(job: Job, comment: str) -> int:
    """Encode to the output; the number of frames. Raises DecodeError for the source, else StorageError."""
    output = Path(job.output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with replacement(output, prefix=TEMPORARY_PREFIX) as (file, temporary):
            num_frames = _encode(job, file, comment)
            file.flush()
            num_read = _num_sound_frames(str(temporary))
            if num_read != num_frames:
                lost = f"of {num_frames} pictures written, {num_read} can be read"
                raise StorageError(f"cannot write {output}: {lost}")
    except OSError as error:
        raise StorageError(f"cannot write {output}: {error.strerror or error}") from error
    return num_frames


def _encode(job: Job, file: BinaryIO, comment: str) -> int:
    with open_video(job.source) as video, closing(video.pictures()) as pictures:
        return encode_pictures(
            file,
            pictures,
            rate=video.header.frames_per_second,
            encoding=job.encoding,
            comment=comment,
        )


def _num_sound_frames(path: str) -> int:
    """Pictures of a file, all decoded. Raises DecodeError where one is damaged."""
    with open_video(path) as video:
        num_frames, fault = video.count_decodable()
    if fault is not None:
        raise fault
    return num_frames
