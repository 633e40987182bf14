"""What a user means by a few words on the command line: video files, folders of them, lists of them."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from videoswin.data.annotations import Annotations, read_annotations
from videoswin.data.pictures_folder import PICTURE_EXTENSIONS
from videoswin.data.rows import VIDEO_EXTENSIONS
from videoswin.data.splits import parse_source
from videoswin.data.tar import is_shard
from videoswin.errors import AnnotationError

LIST_EXTENSIONS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet")
"""What is read as a list of labelled videos where single files are also allowed."""

_TRANSPORT_PACKET = 188  # bytes of MPEG-TS from one sync byte to the next

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The videos that one word stands for."""

    name: str
    files: tuple[str, ...]
    """In order: of a folder by name, of a list as listed, each once."""
    annotations: Annotations | None = None
    """Their labels, where the source has them."""
    is_single_file: bool = False


def read_source(name: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> Source:
    """A video file, a folder searched for videos, or anything that `read_annotations` takes.

    A folder has labels where all of its videos lie in folders of their own, one level deep. root: the folder
    that the paths of a list start from. Raises AnnotationError.
    """
    path = os.fspath(name)
    if os.path.isdir(path) and not is_shard(path):
        files = tuple(find_videos(path))
        if not (files and all(_depth(path, file) == 1 for file in files)):
            return Source(name=path, files=files)
        return _of_annotations(path, read_annotations(path))
    if is_shard(path) or str(parse_source(path)[0]).lower().endswith(LIST_EXTENSIONS):
        return _of_annotations(path, read_annotations(path, root=root))
    return Source(name=path, files=(path,), is_single_file=True)


def list_videos(names: Iterable[str]) -> list[str]:
    """The videos that words stand for, in order: a file is itself, a folder all videos below it.

    A folder of numbered pictures alone is itself a video. Raises AnnotationError for a folder without any.
    """
    return [video for name in names for video in (_videos_below(name) if os.path.isdir(name) else [name])]


def _videos_below(folder: str) -> list[str]:
    videos = list(find_videos(folder))
    if videos:
        return videos
    seen = Counter(os.path.splitext(name)[1].lower() for _, _, names in os.walk(folder) for name in names)
    if any(extension in seen for extension in PICTURE_EXTENSIONS):
        return [folder]
    others = ", ".join(f"{count} {extension or 'without one'}" for extension, count in seen.most_common(3))
    known = " ".join(VIDEO_EXTENSIONS)
    raise AnnotationError(f"no videos under {folder} (extensions seen: {others or 'none'}; known: {known})")


def find_videos(folder: str) -> Iterator[str]:
    """Every video file below a folder, in the order of the names, known by its content or by its name.

    A file that is only named like a video is given too: whoever reads it says what is wrong with it. Hidden
    files and folders are left out, and links to folders are not followed: they may lead in a circle. Raises
    AnnotationError where a folder can't be listed.
    """
    num_ignored = 0
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(parent, name)
            if not name.startswith(".") and (name.lower().endswith(VIDEO_EXTENSIONS) or _is_video(path)):
                yield path
            else:
                num_ignored += 1
    if num_ignored:
        _log.info("%s: %d other files left out", folder, num_ignored)


def _of_annotations(name: str, annotations: Annotations) -> Source:
    # A video of several segments comes once.
    files = dict.fromkeys(str(sample.file) for sample in annotations.samples)
    return Source(name=name, files=tuple(files), annotations=annotations)


def _depth(folder: str, file: str) -> int:
    return os.path.relpath(file, folder).count(os.sep)


def _refuse(error: OSError) -> None:
    raise AnnotationError(f"{error.filename}: can't be listed: {error.strerror}") from error


def _is_video(path: str) -> bool:
    """Whether a regular file begins as one of the containers that are read."""
    if not os.path.isfile(path):
        return False
    try:
        with Path(path).open("rb") as file:
            start = file.read(_TRANSPORT_PACKET + 1)
    except OSError:  # not ours to read, and nothing in its name asks for it
        return False
    return (
        start[4:8] in (b"ftyp", b"moov")
        or start.startswith((b"\x1a\x45\xdf\xa3", b"GIF8", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"))
        or (start[:4] == b"RIFF" and start[8:12] == b"AVI ")
        or (start[:1] == b"G" and start[_TRANSPORT_PACKET:] == b"G")
    )
