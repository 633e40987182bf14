"""Where the listed videos are, and whether they are there."""

from __future__ import annotations

import logging
from array import array

import numpy as np
import numpy.typing as npt

from videoswin.data.rows import some
from videoswin.data.samples import full_path, is_plain
from videoswin.data.table import Table, first_rows
from videoswin.data.tar import exists
from videoswin.errors import AnnotationError

_log = logging.getLogger(__name__)


def check_files(table: Table, base: str) -> npt.NDArray[np.int64]:
    """(N,) a number for the file of each row: equal where the file is. Unequal files may share one, hardly
    ever.

    Paths that leave `base` are counted before one error. Some missing files are a warning: each is a bad
    video when it is read, counted and named. All missing is a wrong root and an error.
    """
    missing, outside = array("q"), array("q")
    hashes = array("q")
    inside = base.rstrip("/") + "/"
    for row in range(len(table)):
        path = table.path(row)
        file = full_path(base, path)
        if not is_plain(path) and not file.startswith(inside):
            outside.append(row)
        elif not exists(file):
            missing.append(row)
        hashes.append(hash(file))
    if outside:
        hint = f"allowed: paths inside the root {base} (root / allows all)"
        few = _few(table, outside)
        raise AnnotationError(f"{table.source}: {len(outside)} paths leave the root: {few}; {hint}")
    if missing:
        fault = f"{table.source}: {len(missing)} of {len(table)} videos are missing: {_few(table, missing)}"
        if len(missing) == len(table):
            tried = full_path(base, table.path(missing[0]))
            raise AnnotationError(f"{fault}; check root: tried {tried}")
        _log.warning("%s; each counts as unreadable", fault)
    return np.frombuffer(hashes, np.int64)


def _few(table: Table, rows: array[int]) -> str:
    shown = first_rows(np.frombuffer(rows, np.int64))
    return some([f"{table.where(row)} {table.path(row)!r}" for row in shown], len(rows))
