"""`videoswin verify ranks`: several processes do what one does, and none waits for one that is lost."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import spinner
from videoswin.cli.verify.table import print_checks


def main(arguments: list[str]) -> int:
    return call(ranks, arguments, prog="videoswin verify ranks")


def ranks(json: bool = False) -> int:
    """Train a small model in two processes, and do to one of them what happens to machines.

    DDP and FSDP2 must give the weights, moments and averaged weights of one process to 1e-6, and checkpoints
    must continue in either. One process is killed, stopped, asked to end, unable to save, or meets a video
    that ends the run: all must end, in time, with the right exit code and saying which process it was, and
    the same command must continue. Takes about 3 minutes. The exit code is 0, or 1 when any of it is not so.

    Args:
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.ranks import verify_ranks

    with spinner() as show:
        checks = verify_ranks(progress=show)
    return print_checks(checks, json=json)
