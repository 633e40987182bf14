"""Places at which a process can be told to die, so that what survives it can be tested.

`VIDEOSWIN_FAULT=NAME@N` kills the process (SIGKILL) the N-th time it reaches NAME. Without the variable
nothing happens.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

from videoswin.errors import ConfigError

VARIABLE = "VIDEOSWIN_FAULT"

POINTS = (
    "checkpoint.before_folder",
    "checkpoint.after_folder",
    # Of every file of a checkpoint, the manifest, which is the last, too:
    "checkpoint.file_made",
    "checkpoint.file_half",
    "checkpoint.file_written",
    "checkpoint.file_synced",
    "checkpoint.before_manifest",
    "checkpoint.folder_written",
    "checkpoint.folder_synced",
    "checkpoint.verified",
    "checkpoint.renamed",
    "checkpoint.kept",
    # Of every older checkpoint that is removed:
    "checkpoint.removal_begun",
    "checkpoint.removal_half",
    "checkpoint.removed",
)
"""All of them, in the order in which a save reaches them."""

_reached: Counter[str] = Counter()


def reached(name: str) -> None:
    """Die here if the variable says so. Raises ConfigError if it names no point or no number of times."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    point, _, times = wanted.partition("@")
    if point not in POINTS or not times.isdecimal():
        raise ConfigError(f"{VARIABLE} is {wanted!r}; expected NAME@N with a name of {', '.join(POINTS)}")
    _reached[name] += 1
    if name == point and _reached[name] == int(times):
        os.kill(os.getpid(), signal.SIGKILL)
