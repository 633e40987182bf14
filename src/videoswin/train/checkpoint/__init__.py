"""The state of a run on disk, written so that at every instant a whole one is there. docs/checkpoints.md has
the format and what is promised.

    snapshot   what is saved: tensors by name and one JSON object
    folder     save it, find the newest good one
    writer     the same, perhaps in a thread
    lock       one run a folder
    reading    one checkpoint, checked and read
    content, manifest, tensors, files   the bytes
"""

from videoswin.train.checkpoint.folder import CheckpointFolder
from videoswin.train.checkpoint.lock import RunLock
from videoswin.train.checkpoint.reading import read
from videoswin.train.checkpoint.snapshot import Snapshot
from videoswin.train.checkpoint.writer import Writer

__all__ = ["Snapshot", "CheckpointFolder", "Writer", "RunLock", "read"]
