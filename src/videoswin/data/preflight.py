"""What is wrong with the videos of a run, found before it starts: missing files, and the same content twice.

The content of a file is read only where another has as many bytes, so most are never opened.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videoswin.data.digests import Digests, default_place
from videoswin.data.rows import some
from videoswin.data.samples import Sample
from videoswin.data.sampling import IntArray
from videoswin.errors import printable
from videoswin.storage import write_atomically

_log = logging.getLogger(__name__)

LIST_FILE = "preflight.tsv"

Progress = Callable[[int, int], None]
"""Called with (files done, files in all)."""


class Listed(NamedTuple):
    """A sample and the split that it is in."""

    split: str
    sample: Sample

    def __str__(self) -> str:
        return f"{self.split} {printable(self.sample.path)!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What was found. Pairs share content, and frames where they are segments."""

    missing: tuple[Listed, ...]
    leaks: tuple[tuple[Listed, Listed], ...]
    """In two splits."""
    repeats: tuple[tuple[Listed, Listed], ...]
    """Two files in one split."""
    num_read: int
    """Files whose content was read."""

    @property
    def conflicts(self) -> tuple[tuple[Listed, Listed], ...]:
        """Those of `repeats` and `leaks` with different classes."""
        return tuple(pair for pair in (*self.repeats, *self.leaks) if _classes(pair[0]) != _classes(pair[1]))


def inspect(
    splits: Mapping[str, Sequence[Sample]],
    *,
    progress: Progress = lambda done, total: None,
    digests: Path | None = None,
) -> Findings:
    """Look at every file of every split, and into those that may be equal.

    digests: where those of earlier runs are kept; by default the user's cache.
    """
    sizes = {name: _sizes(samples) for name, samples in splits.items()}
    missing = tuple(
        Listed(name, splits[name][row]) for name in splits for row in np.flatnonzero(sizes[name] < 0).tolist()
    )
    leaks: list[tuple[Listed, Listed]] = []
    repeats: list[tuple[Listed, Listed]] = []
    suspects = _of_one_size(splits, sizes)
    total = sum(len(files) for files in suspects)
    done = 0
    with Digests(digests or default_place()) as compared:
        for files in suspects:
            groups = compared.same_content(files) if len(files) > 1 else []
            alone = set(files) - {file for group in groups for file in group}
            for group in (*groups, *([file] for file in sorted(alone))):
                for one, other in _sharing([listed for file in group for listed in files[file]]):
                    if one.split != other.split:
                        leaks.append((one, other))
                    elif one.sample.file != other.sample.file:
                        repeats.append((one, other))
            done += len(files)
            progress(done, total)
        return Findings(
            missing=missing, leaks=tuple(leaks), repeats=tuple(repeats), num_read=compared.num_read
        )


def report(findings: Findings, folder: Path | None = None) -> None:
    """A line of the log for each kind of finding, and all of them in preflight.tsv in `folder`, if there are
    any. Raises StorageError."""
    kinds = {
        "missing": (findings.missing, "videos are missing"),
        "leak": (_texts(findings.leaks), "pairs of videos in two splits have the same content"),
        "repeat": (_texts(findings.repeats), "pairs of files in one split have the same content"),
        "conflict": (_texts(findings.conflicts), "pairs of the same content have different classes"),
    }
    found = {kind: (items, text) for kind, (items, text) in kinds.items() if items}
    if not found:
        number = findings.num_read
        _log.info("preflight: no video is missing, none is there twice (%d files compared)", number)
        return
    where = ""
    if folder is not None:
        lines = [f"{kind}\t{item}\n" for kind, (items, _) in found.items() for item in items]
        write_atomically(folder / LIST_FILE, "".join(lines).encode(errors="backslashreplace"))
        where = f"; all: {folder / LIST_FILE}"
    for items, text in found.values():
        _log.warning("preflight: %d %s: %s%s", len(items), text, some(map(str, items)), where)


def _texts(pairs: Sequence[tuple[Listed, Listed]]) -> tuple[str, ...]:
    return tuple(f"{one} = {other}" for one, other in pairs)


def _classes(listed: Listed) -> tuple[int, ...]:
    return listed.sample.labels or (listed.sample.label,)


def _sizes(samples: Sequence[Sample]) -> IntArray:
    """(N,) bytes of each file, 0 for what is not a file, -1 for what is not there."""
    sizes = np.zeros(len(samples), dtype=np.int64)
    for row, sample in enumerate(samples):
        try:
            status = os.stat(sample.file)
        except (OSError, ValueError):  # gone, not allowed, or never a name
            sizes[row] = -1
            continue
        if stat.S_ISREG(status.st_mode):
            sizes[row] = status.st_size
    return sizes


def _of_one_size(
    splits: Mapping[str, Sequence[Sample]], sizes: Mapping[str, IntArray]
) -> list[dict[str, list[Listed]]]:
    """For each size that several samples have: their files and the samples of each."""
    flat = np.concatenate([*sizes.values(), np.zeros(0, np.int64)])
    values, counts = np.unique(flat[flat > 0], return_counts=True)
    shared = values[counts > 1]
    groups: dict[int, dict[str, list[Listed]]] = {}
    for name, samples in splits.items():
        for row in np.flatnonzero(np.isin(sizes[name], shared)).tolist():
            listed = Listed(name, samples[row])
            files = groups.setdefault(int(sizes[name][row]), {})
            files.setdefault(str(listed.sample.file), []).append(listed)
    return list(groups.values())


def _sharing(same: Sequence[Listed]) -> Iterator[tuple[Listed, Listed]]:
    """Pairs of samples of the same content that share frames."""
    for one, other in combinations(same, 2):
        first, second = one.sample.segment, other.sample.segment
        if first is None or second is None or first.overlaps(second):
            yield one, other
