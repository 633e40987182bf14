"""Prepare a whole archive: every video exactly once, however often the run is stopped.

FOLDER/videos holds the outputs, FOLDER/manifest.csv a row for every source, FOLDER/prepared.csv the labels,
FOLDER/prepare.json how it was made. The originals are only read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import filelock

from videoswin.data.check import identify
from videoswin.data.encode import Encoding
from videoswin.data.inputs import Source
from videoswin.data.journal import Journal
from videoswin.data.pool import Lost, run_tasks
from videoswin.data.prepare import Job, ManifestRow, clear_temporary_files, prepare_file
from videoswin.data.prepared_list import listed_csv
from videoswin.data.shards import finish_shards, pack_shards
from videoswin.data.tar import INDEX_NAME, LIST_NAME
from videoswin.errors import ConfigError, StorageError
from videoswin.storage import write_atomically

MANIFEST_NAME = "manifest.csv"
VIDEOS_NAME = "videos"
_SETTINGS_NAME = "prepare.json"
_LOCK_NAME = ".prepare.lock"

_MAX_NAME_BYTES = 200  # of 255, so that a suffix fits


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareConfig:
    """What to make of the videos, and with how many processes."""

    encoding: Encoding
    format: Literal["files", "shards"] = "files"
    shard_megabytes: int = 1000
    """Size at which a shard is full."""
    num_workers: int = 1
    timeout_seconds: float = 0.0
    """Time a video may take; 0: any."""

    @property
    def settings(self) -> dict[str, object]:
        """What decides the content."""
        size = {"shard_megabytes": self.shard_megabytes} if self.format == "shards" else {}
        return {"format": self.format, **asdict(self.encoding), **size}


def prepare_archive(source: Source, folder: Path, config: PrepareConfig) -> Iterator[ManifestRow]:
    """Prepare what is not prepared yet; give the row of every source as soon as it is known.

    Those of earlier runs come first. When all are there, the manifest is put in the order of the source and,
    where it has labels, the list to train with is written. Raises ConfigError for a folder that is not this
    archive's, StorageError where writing fails; then the run can be repeated.
    """
    _require_apart(source, folder)
    with _held(folder):
        _require_same_settings(folder, config.settings)
        manifest = Journal(folder / MANIFEST_NAME, ManifestRow)
        known = {row.source: row for row in manifest.read()}
        if (folder / INDEX_NAME).exists():
            yield from _finished_shards(folder, source, known)
            return
        jobs = plan_jobs(source, folder, config.encoding)
        done = {job.source: known[job.source] for job in jobs if _is_done(job, known.get(job.source))}
        yield from done.values()
        for row in _prepare_rest(folder, [job for job in jobs if job.source not in done], config):
            manifest.append(row)
            done[row.source] = row
            yield row
        in_order = {job.source: done[job.source] for job in jobs}
        if config.format == "shards":
            in_order = pack_shards(folder, source, in_order, max_bytes=config.shard_megabytes * 10**6)
        manifest.rewrite([*in_order.values(), *(row for name, row in known.items() if name not in done)])
        if source.annotations is not None:
            write_atomically(folder / LIST_NAME, listed_csv(source.annotations, in_order))
        if config.format == "shards":
            finish_shards(folder, VIDEOS_NAME, in_order)


def _prepare_rest(folder: Path, jobs: list[Job], config: PrepareConfig) -> Iterator[ManifestRow]:
    clear_temporary_files(str(folder))
    try:
        for job, row in run_tasks(
            prepare_file, jobs, num_workers=config.num_workers, timeout_seconds=config.timeout_seconds
        ):
            yield _lost(job, row) if isinstance(row, Lost) else row
    finally:
        clear_temporary_files(str(folder))


def _finished_shards(folder: Path, source: Source, known: Mapping[str, ManifestRow]) -> Iterator[ManifestRow]:
    """The rows of shards that are complete. Raises ConfigError where the source is not what they hold."""
    for file in source.files:
        row = known.get(file)
        if row is None or (row.source_bytes, row.source_mtime_ns) != identify(file):
            raise ConfigError(
                f"output {folder} holds finished shards, and {file!r} is not in them or has changed; "
                "name another folder"
            )
    yield from (known[file] for file in source.files)


def plan_jobs(source: Source, folder: Path, encoding: Encoding) -> list[Job]:
    """A job for each file. Outputs keep the folders and names of the sources, as far as a list can hold
    them."""
    listed = _listed_names(source)
    taken: set[str] = set()
    jobs = []
    for file, name in zip(source.files, listed, strict=True):
        output = os.path.join(VIDEOS_NAME, output_name(name))
        if output.casefold() in taken:
            stem = output.removesuffix(".mp4")
            output = f"{stem}-{_short_hash(file)}.mp4"
        taken.add(output.casefold())
        jobs.append(
            Job(source=file, output=os.path.join(folder, output), output_name=output, encoding=encoding)
        )
    return jobs


def output_name(listed: str) -> str:
    """The relative path of the output for a source listed as this: its own, ending in .mp4.

    A part of it that could not stand in a list, or is hidden or too long, is made plain and told apart by a
    hash: the same for the same name.
    """
    parts = [part for part in os.path.normpath(listed).split(os.sep) if part not in ("", ".", "..")]
    if not parts[-1].lower().endswith(".mp4"):
        parts[-1] += ".mp4"
    return os.path.join(*map(_plain, parts))


def _plain(part: str) -> str:
    is_plain = part.isprintable() and part == part.strip() and not part.startswith(".")
    if is_plain and len(os.fsencode(part)) <= _MAX_NAME_BYTES:
        return part
    stem, suffix = (part[:-4], ".mp4") if part.lower().endswith(".mp4") else (part, "")
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in stem)
    return f"{letters[:100]}-{_short_hash(part)}{suffix}"


def _short_hash(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]


def _listed_names(source: Source) -> list[str]:
    """Of each file, its path below the source, or as listed."""
    if source.annotations is not None:
        listed = {str(sample.file): sample.path for sample in source.annotations.samples}
        return [listed[file] for file in source.files]
    if source.is_single_file:
        return [os.path.basename(source.name)]
    return [os.path.relpath(file, source.name) for file in source.files]


def _require_apart(source: Source, folder: Path) -> None:
    """Raise ConfigError where the output would lie among the originals, or they in it."""
    target = os.path.realpath(folder)
    parents = {os.path.realpath(os.path.dirname(file) or ".") for file in source.files}
    parents |= {os.path.realpath(source.name)} if os.path.isdir(source.name) else set()
    for parent in sorted(parents):
        if _is_inside(target, parent) or _is_inside(parent, target):
            raise ConfigError(
                f"output {folder} and the originals in {parent} lie inside one another; "
                "allowed: a folder apart from them"
            )


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Make the folder and keep other runs out of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / _LOCK_NAME, timeout=0)
        lock.acquire()
    except filelock.Timeout as error:
        raise ConfigError(f"{folder} is in use by another run") from error
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def _require_same_settings(folder: Path, settings: Mapping[str, object]) -> None:
    """Raise ConfigError for a folder of something else, or of other settings: no two in one archive."""
    path = folder / _SETTINGS_NAME
    ours = json.dumps(settings, indent=2).encode()
    if not path.exists():
        if foreign := [name for name in sorted(os.listdir(folder)) if name != _LOCK_NAME]:
            raise ConfigError(f"output {folder} holds {foreign[0]!r}; allowed: a new or empty folder")
        write_atomically(path, ours)
    elif path.read_bytes() != ours:
        before = ", ".join(f"{name} {value}" for name, value in json.loads(path.read_bytes()).items())
        raise ConfigError(f"output {folder} was prepared with {before}; name another folder")


def _is_done(job: Job, row: ManifestRow | None) -> bool:
    """Whether the row is of this very source and its output is still there."""
    if row is None or row.source_bytes is None or row.code == "V36":
        return False
    identity = identify(job.source)
    if (row.source_bytes, row.source_mtime_ns) != identity or row.output not in ("", job.output_name):
        return False
    return bool(row.code) or identify(job.output).size_bytes == row.output_bytes


def _lost(job: Job, lost: Lost) -> ManifestRow:
    identity = identify(job.source)
    return ManifestRow(
        source=job.source,
        source_bytes=identity.size_bytes,
        source_mtime_ns=identity.mtime_ns,
        code="V36",
        reason=lost.reason,
    )
