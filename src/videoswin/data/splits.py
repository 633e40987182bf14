"""Rows of one split of a source that names several: `kinetics.csv#val`."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from videoswin.data.rows import Row
from videoswin.errors import AnnotationError

_log = logging.getLogger(__name__)

_SAME = {"training": "train", "validate": "val", "validation": "val", "valid": "val", "testing": "test"}


def canonical_split(name: str) -> str:
    """`val` for `validate`, and so on; other names in lower case."""
    lower = name.strip().lower()
    return _SAME.get(lower, lower)


def parse_source(source: str | os.PathLike[str]) -> tuple[Path, str]:
    """(file or folder, split) of `SOURCE` or `SOURCE#SPLIT`; the split is empty where none is named."""
    name = os.fspath(source)
    if "#" not in name or os.path.exists(name):
        return Path(name), ""
    file, _, split = name.rpartition("#")
    return Path(file), canonical_split(split)


def rows_of_split(source: Path, rows: Iterable[Row], split: str) -> Iterator[Row]:
    """The rows of `split`; without one all, if they are all of the same.

    Raises AnnotationError, at the end, where no row is of the split, or several are there and none is named.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        name = canonical_split(row.split)
        counts[name] += 1
        if name == split or not split:
            yield row
    found = ", ".join(f"{name or 'none'} ({count:,})" for name, count in sorted(counts.items()))
    if not split and len(counts) > 1:
        first = min(name for name in counts if name)
        raise AnnotationError(f"{source}: rows of several splits: {found}; name one, as {source}#{first}")
    if split and not counts[split]:
        raise AnnotationError(f"{source}: no row is of the split {split!r}; there are: {found or 'none'}")
    if len(counts) > 1:
        num_others = counts.total() - counts[split]
        _log.info(
            "%s: %d rows of the split %s, %d of others left out", source, counts[split], split, num_others
        )
