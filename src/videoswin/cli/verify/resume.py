"""`videoswin verify resume`: a killed run continues to the same bytes."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import spinner
from videoswin.cli.verify.table import print_checks


def main(arguments: list[str]) -> int:
    return call(resume, arguments, prog="videoswin verify resume")


def resume(kills: int = 200, points: bool = True, seed: int = 0, json: bool = False) -> int:
    """Kill a training run (SIGKILL) at random times and at every point of a save, and continue it.

    The run is a small real one, with dropout, stochastic depth, mixup, RandAugment, averaged weights, clipped
    gradients and a damaged video; every third process has a loader worker. What each run leaves in the end
    must equal to the last byte what the run leaves that nobody killed: weights, optimizer, averaged weights,
    schedule, metrics, scores, the list of bad videos. About 3 s a kill. The exit code is 0, or 1 when any of
    it is not so.

    Args:
        kills: How many at random times.
        points: Also once at each point of a save.
        seed: Which times.
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.resume import ResumeConfig, verify_resume

    config = ResumeConfig(kills=kills, points=points, seed=seed)
    with spinner() as show:
        checks = verify_resume(config, progress=show)
    return print_checks(checks, json=json)
