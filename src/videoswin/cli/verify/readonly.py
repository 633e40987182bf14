"""`videoswin verify readonly`: your videos are read and nothing else."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import spinner
from videoswin.cli.verify.table import print_checks


def main(arguments: list[str]) -> int:
    return call(readonly, arguments, prog="videoswin verify readonly")


def readonly(data: str = "", json: bool = False) -> int:
    """Run everything that reads videos, and see that nothing among them changes.

    Names, contents, sizes, times and rights of all files and folders are compared after checking, counting,
    viewing, one epoch of training (a micro model), evaluation and prediction. The exit code is 0, or 1 when
    anything changed or a verb failed.

    Args:
        data: Folder with a folder of videos a class. Empty: one made on the spot, with damaged videos in it
            and without the right to write (mounted read-only where this user may mount).
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.readonly import verify_readonly

    with spinner() as show:
        checks = verify_readonly(data, progress=show)
    return print_checks(checks, json=json)
