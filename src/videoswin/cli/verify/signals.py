"""`videoswin verify signals`: a run that is asked to stop saves first."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import spinner
from videoswin.cli.verify.table import print_checks


def main(arguments: list[str]) -> int:
    return call(signals, arguments, prog="videoswin verify signals")


def signals(grace: float = 10.0, json: bool = False) -> int:
    """Send SIGTERM, SIGINT and SIGUSR1 to a training run, to it alone and to its whole process group.

    The run is a small real one. It must end in time with exit code 143, after SIGINT 130, and the same
    command must continue it to the bytes of the run that nobody stopped. `videoswin verify ranks` does the
    same with several processes. The exit code is 0, or 1 when any of it is not so.

    Args:
        grace: Seconds that a run has to end.
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.signals import verify_signals

    with spinner() as show:
        checks = verify_signals(grace_seconds=grace, progress=show)
    return print_checks(checks, json=json)
