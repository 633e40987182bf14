"""The JSON lists of Something-Something: train.json, validation.json and the labels.json beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from videoswin.data.label_map import parse_json, read_label_map
from videoswin.data.locate import Finder
from videoswin.data.rows import Listing, Row, read_text_lines
from videoswin.errors import AnnotationError

LABEL_FILES = ("labels.json", "something-something-v2-labels.json")

_FOLDERS = ("", "20bn-something-something-v2", "videos")
"""Where the videos may be below the root."""


def read_something(file: Path, root: str | os.PathLike[str]) -> Listing:
    """Entries {"id", "template"}: the class is the template without its brackets, the video ID.webm (or
    another ending of a video) below `root`.

    Class numbers are those of a labels.json beside the list, where there is one. Raises AnnotationError for
    anything else, and for a list without classes, as test.json is.
    """
    content = parse_json(file, "".join(read_text_lines(file)))
    if not (isinstance(content, list) and all(isinstance(entry, dict) for entry in content)):
        raise AnnotationError(
            f'{file}: expected a JSON list of {{"id": ..., "template": ...}}, as Something-Something has it'
        )
    if content and not any("template" in entry or "label" in entry for entry in content):
        raise AnnotationError(
            f"{file}: none of {len(content)} entries has a template or label, as in the test list; without "
            "classes it can be neither trained nor evaluated on"
        )
    beside = (file.parent / name for name in LABEL_FILES)
    labels = next((read_label_map(path) for path in beside if path.is_file()), ())
    return Listing(rows=_rows(file, content, root), place="entry", labels=labels)


def _rows(file: Path, content: list[dict[str, object]], root: str | os.PathLike[str]) -> Iterator[Row]:
    finder = Finder(root)
    for number, entry in enumerate(content, start=1):
        name = str(entry.get("id", "")).strip()
        template = entry.get("template", entry.get("label"))
        if not (name and isinstance(template, str) and template.strip()):
            raise AnnotationError(
                f"{file}, entry {number}: id {name!r}, template {template!r}; expected both"
            )
        path = finder.find(_FOLDERS, (name,)) or f"{name}.webm"
        yield Row(number, path, template.replace("[", "").replace("]", "").strip())
