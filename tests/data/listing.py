"""Folders of files and lists of them to read annotations from."""

from __future__ import annotations

from pathlib import Path

from videoswin.data.annotations import Annotations


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def written(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    return folder / name


def listed(annotations: Annotations) -> list[tuple[str, str]]:
    return [(sample.path, annotations.labels[sample.label]) for sample in annotations.samples]
