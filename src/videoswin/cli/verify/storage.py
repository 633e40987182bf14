"""`videoswin verify storage`: a full or read-only disk costs nothing that is saved."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import spinner
from videoswin.cli.verify.table import print_checks


def main(arguments: list[str]) -> int:
    return call(storage, arguments, prog="videoswin verify storage")


def storage(json: bool = False) -> int:
    """Save checkpoints to a disk that is full after any number of bytes, read-only, or gone.

    Each time the error must name folder, cause, bytes needed and free, nothing may be left behind, and the
    checkpoint before must be as it was. What needs the right to mount is not tried without it. The exit code
    is 0, or 1 when any of it is not so.

    Args:
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.storage import verify_storage

    with spinner() as show:
        checks = verify_storage(progress=show)
    return print_checks(checks, json=json)
