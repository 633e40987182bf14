"""Shards: prepared videos in tar files of equal size, as WebDataset has them.

Each video is two files of one key, 00000012.mp4 and 00000012.json (label, path, key). Other programs stream
them; videoswin reads any member at once (`data.tar`), so that order and randomness are those of single files.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from videoswin.data.inputs import Source
from videoswin.data.prepare import TEMPORARY_PREFIX, ManifestRow
from videoswin.data.prepared_list import label_of
from videoswin.data.samples import Sample
from videoswin.data.tar import EXTENSION, INDEX_NAME
from videoswin.errors import StorageError
from videoswin.storage import replacement, write_atomically

_BLOCK = 512  # what a tar file adds to a member: a header, and filling to whole blocks


def pack_shards(
    folder: Path, source: Source, rows: Mapping[str, ManifestRow], *, max_bytes: int
) -> dict[str, ManifestRow]:
    """Write FOLDER/shard-000000.tar ... of all prepared videos in order; the rows, now naming the members.

    The same videos give the same bytes. Raises StorageError.
    """
    texts = _label_texts(source)
    packed = dict(rows)
    for number, names in enumerate(_groups(rows, texts, max_bytes)):
        path = folder / f"shard-{number:06d}{EXTENSION}"
        try:
            with replacement(path, prefix=TEMPORARY_PREFIX) as (file, _):
                with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                    for key, name in names:
                        _add(archive, folder, key, rows[name], texts[name])
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        packed |= {name: replace(rows[name], output=f"{path.name}/{key}.mp4") for key, name in names}
    return packed


def finish_shards(folder: Path, videos: str, rows: Mapping[str, ManifestRow]) -> None:
    """Write the index, which says that the shards are complete, and remove the single files, now twice
    there."""
    shards = sorted({os.path.dirname(row.output) for row in rows.values() if row.output})
    index = [{"name": name, "bytes": os.path.getsize(folder / name)} for name in shards]
    num_videos = sum(bool(row.output) for row in rows.values())
    write_atomically(
        folder / INDEX_NAME, json.dumps({"videos": num_videos, "shards": index}, indent=2).encode()
    )
    for parent, _, names in os.walk(folder / videos, topdown=False):
        for name in names:
            os.unlink(os.path.join(parent, name))
        os.rmdir(parent)


def _groups(
    rows: Mapping[str, ManifestRow], texts: Mapping[str, dict[str, object]], max_bytes: int
) -> Iterator[list[tuple[str, str]]]:
    """(key, source) of each prepared video, a list for each shard."""
    group: list[tuple[str, str]] = []
    num_bytes = 0
    prepared = [name for name, row in rows.items() if row.output]
    for number, name in enumerate(prepared):
        size = (rows[name].output_bytes or 0) + len(json.dumps(texts[name])) + 4 * _BLOCK
        if group and num_bytes + size > max_bytes:
            yield group
            group, num_bytes = [], 0
        group.append((f"{number:08d}", name))
        num_bytes += size
    if group:
        yield group


def _add(
    archive: tarfile.TarFile, folder: Path, key: str, row: ManifestRow, text: Mapping[str, object]
) -> None:
    with open(folder / row.output, "rb") as video:
        _add_file(archive, f"{key}.mp4", video, row.output_bytes or 0)
    content = json.dumps({"key": key, **text}).encode()
    _add_file(archive, f"{key}.json", io.BytesIO(content), len(content))


def _add_file(archive: tarfile.TarFile, name: str, file: BinaryIO, size: int) -> None:
    entry = tarfile.TarInfo(name)  # of time 0 and no owner: nothing of this machine is in it
    entry.size = size
    archive.addfile(entry, file)


def _label_texts(source: Source) -> dict[str, dict[str, object]]:
    """What is said of each video beside it, by its file."""
    if source.annotations is None:
        return {file: {"path": os.path.relpath(file, source.name)} for file in source.files}
    texts: dict[str, dict[str, object]] = {}
    for sample in source.annotations.samples:
        text = texts.setdefault(
            str(sample.file), {"path": sample.path, **_labels(sample, source.annotations.labels)}
        )
        if sample.segment is not None:
            parts = text.setdefault("segments", [])
            assert isinstance(parts, list)
            segment = sample.segment
            bounds = {"unit": segment.unit, "start": segment.start, "stop": segment.stop}
            parts.append({**_labels(sample, source.annotations.labels), **bounds})
    return texts


def _labels(sample: Sample, labels: tuple[str, ...]) -> dict[str, object]:
    return {"label": label_of(sample, labels), "label_id": sample.label}
