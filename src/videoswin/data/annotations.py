"""Labelled videos from a folder per class, a `path label` list or a CSV, checked in one pass before anything
starts."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from videoswin.data.labels import number_labels
from videoswin.data.rows import Row, read_folder, read_list, some
from videoswin.errors import AnnotationError, ConfigError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One labelled video."""

    path: str
    """As listed."""
    file: Path
    """Where it is."""
    label: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotations:
    """Labelled videos in the order of their source. labels[sample.label] is the name of a sample's class."""

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    source: str


def read_annotations(
    source: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    labels: Sequence[str] = (),
) -> Annotations:
    """Read labelled videos.

    source: a folder with one folder per class; a text with `path label` a line, where the label is a number
    or a name; or a CSV with the columns path and label (others are ignored, but `label_id` fixes the class
    numbers). root: the folder that listed paths are relative to; by default the folder of the list. Paths may
    not leave it. labels: class names of the weights. Names in the source are looked up there; names it has
    not are an error. Raises AnnotationError, one line that names source, line and value, for anything that
    would not train as written.
    """
    origin = Path(source)
    if origin.is_dir():
        if root is not None:
            raise AnnotationError(f"{origin}: a folder of classes takes no root; it is for lists of paths")
        rows, base = read_folder(origin), origin
    else:
        rows, base = read_list(origin), Path(root) if root is not None else origin.parent
    if not rows:
        raise AnnotationError(f"{origin}: no labelled videos")
    names, ids = number_labels(origin, rows, labels)
    files = _find_files(origin, rows, base)
    _check_duplicates(origin, rows, files, ids)
    _warn_of_rare_classes(origin, names, ids)
    samples = tuple(
        Sample(path=row.path, file=file, label=label)
        for row, file, label in zip(rows, files, ids, strict=True)
    )
    return Annotations(samples=samples, labels=names, source=str(origin))


def split_annotations(
    annotations: Annotations, fraction: float, seed: int
) -> tuple[Annotations, Annotations]:
    """(train, held out): of each class the nearest number to `fraction`, but at least one on either side.

    A class of one video stays in train. The choice depends on the seed and the order of the samples alone.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"the held-out fraction is {fraction}; allowed: more than 0, less than 1")
    random = np.random.default_rng(seed)
    by_class: dict[int, list[int]] = {}
    for index, sample in enumerate(annotations.samples):
        by_class.setdefault(sample.label, []).append(index)
    held_out: set[int] = set()
    for label in sorted(by_class):
        members = by_class[label]
        num_held_out = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held_out.update(random.permutation(members)[:num_held_out].tolist())
    if not held_out:
        raise AnnotationError(f"{annotations.source}: no class has two videos, so none can be held out")
    parts: tuple[list[Sample], list[Sample]] = ([], [])
    for index, sample in enumerate(annotations.samples):
        parts[index in held_out].append(sample)
    return replace(annotations, samples=tuple(parts[0])), replace(annotations, samples=tuple(parts[1]))


def _find_files(source: Path, rows: Sequence[Row], root: Path) -> list[Path]:
    """Where each video is. Paths that leave the root are counted before one error.

    Some missing files are a warning: each is a bad video when it is read, counted and named. All missing is a
    wrong root and an error.
    """
    base = os.path.abspath(root)
    files = [os.path.normpath(os.path.join(base, row.path)) for row in rows]
    outside = [
        f"{row.where} {row.path!r}"
        for row, file in zip(rows, files, strict=True)
        if os.path.commonpath((base, file)) != base
    ]
    if outside:
        hint = f"allowed: paths inside the root {base} (root / allows all)"
        raise AnnotationError(f"{source}: {len(outside)} paths leave the root: {some(outside)}; {hint}")
    missing = [(row, file) for row, file in zip(rows, files, strict=True) if not os.path.exists(file)]
    if missing:
        few = some(f"{row.where} {row.path!r}" for row, _ in missing)
        fault = f"{source}: {len(missing)} of {len(rows)} videos are missing: {few}"
        if len(missing) == len(rows):
            raise AnnotationError(f"{fault}; check root: tried {missing[0][1]}")
        _log.warning("%s; each counts as unreadable", fault)
    return [Path(file) for file in files]


def _check_duplicates(source: Path, rows: Sequence[Row], files: Sequence[Path], ids: Sequence[int]) -> None:
    """The same video twice is worth a warning; with two labels it is an error."""
    first: dict[Path, int] = {}
    contradictions: list[str] = []
    num_repeats = 0
    for index, file in enumerate(files):
        earlier = first.setdefault(file, index)
        if ids[earlier] != ids[index]:
            contradictions.append(f"{rows[earlier].where} and {rows[index].where} {rows[index].path!r}")
        elif earlier != index:
            num_repeats += 1
    if contradictions:
        raise AnnotationError(
            f"{source}: {len(contradictions)} videos have two labels: {some(contradictions)}"
        )
    if num_repeats:
        _log.warning("%s: %d rows repeat an earlier video", source, num_repeats)


def _warn_of_rare_classes(source: Path, names: Sequence[str], ids: Sequence[int]) -> None:
    counts = Counter(ids)
    empty = [name for label, name in enumerate(names) if not counts[label]]
    if empty:
        _log.warning("%s: %d of %d classes have no video: %s", source, len(empty), len(names), some(empty))
    if len(counts) == 1:
        _log.warning("%s: all videos are of one class", source)
