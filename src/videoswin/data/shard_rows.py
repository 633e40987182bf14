"""Tar files of videos as a source of labelled rows: ours, or those that another program wrote for
WebDataset."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

from videoswin.data.rows import VIDEO_EXTENSIONS, Row
from videoswin.data.tar import list_members, read_member
from videoswin.errors import AnnotationError

_MAX_LABEL_BYTES = 1_000_000


def read_shards(source: str) -> Iterator[Row]:
    """The labelled videos of tar files: of one, or of all in a pattern such as `shard-{000..010}.tar`.

    The label of a video is in the file of the same key that ends in .json (`label`, and `label_id`) or .cls.
    Paths are relative to the folder of the shards. Raises AnnotationError, also for anything in a tar file
    that is not a plain file with a plain name (row A13).
    """
    line = 0
    for shard in _expand(source):
        members = {member.name: member for member in list_members(shard)}
        for name in members:
            stem, extension = os.path.splitext(name)
            if extension.lower() not in VIDEO_EXTENSIONS:
                continue
            line += 1
            found = [members[stem + end] for end in (".json", ".cls") if stem + end in members]
            if not found:
                raise AnnotationError(f"{shard}: {name!r} has no label: no {stem}.json, no {stem}.cls")
            content = read_member(shard, found[0], max_bytes=_MAX_LABEL_BYTES)
            label, label_id = _label_in(shard, found[0].name, content)
            yield Row(line, f"{os.path.basename(shard)}/{name}", label, label_id)


def _label_in(shard: str, name: str, content: bytes) -> tuple[str, str]:
    if name.endswith(".cls"):
        return content.decode("utf-8", "replace").strip(), ""
    try:
        known = json.loads(content)
        return str(known["label"]), str(known.get("label_id", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AnnotationError(f"{shard}: {name!r} is not JSON with a label") from error


def _expand(source: str) -> list[str]:
    """`shard-{000..002}.tar` as three names; every other name as it is."""
    found = re.fullmatch(r"(.*)\{(\d{1,9})\.\.(\d{1,9})\}(.*)", source, re.DOTALL)
    if found is None:
        return [source]
    start, first, last, end = found.groups()
    if int(last) < int(first):
        raise AnnotationError(f"{source}: the numbers in braces fall; expected {{FIRST..LAST}}")
    return [f"{start}{number:0{len(first)}d}{end}" for number in range(int(first), int(last) + 1)]
