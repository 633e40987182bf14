"""`videoswin verify checkpoints`: a good checkpoint is there whenever the process dies."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import spinner
from videoswin.cli.verify.table import print_checks


def main(arguments: list[str]) -> int:
    return call(checkpoints, arguments, prog="videoswin verify checkpoints")


def checkpoints(kills: int = 200, positions: int = 100, seed: int = 0, json: bool = False) -> int:
    """Kill a process that saves checkpoints (SIGKILL), at every point of a save and at random times.

    After each kill the newest checkpoint must be at least the one whose saving had returned, and hold what
    its step says, and all others must be whole. Then single bytes of a good one are changed, each of which
    must be found and its file named. The exit code is 0, or 1 when any of it is not so.

    Args:
        kills: How many at random times.
        positions: How many bytes to change of each file.
        seed: Which times and bytes.
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.checkpoints import CheckpointsConfig, verify_checkpoints

    config = CheckpointsConfig(kills=kills, positions=positions, seed=seed)
    with spinner() as show:
        checks = verify_checkpoints(config, progress=show)
    return print_checks(checks, json=json)
