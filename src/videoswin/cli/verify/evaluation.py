"""`videoswin verify eval`: every listed video counts exactly once, however the work is shared."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import spinner
from videoswin.cli.verify.table import print_checks


def main(arguments: list[str]) -> int:
    return call(evaluation, arguments, prog="videoswin verify eval")


def evaluation(videos: int = 17, processes: int = 3, batch_size: int = 4, json: bool = False) -> int:
    """Evaluate lists of 0, 1, 2 ... small videos with 1, 2 ... processes and in batches of 1, 2 ...

    One of the videos is damaged and one is missing. report.json and predictions.parquet must be the same to
    the byte, count every listed video once, and follow from the predictions again. Processes are started by
    torchrun and use the CPU. The exit code is 0, or 1 when any of it is not so.

    Args:
        videos: The longest list.
        processes: The most processes.
        batch_size: The largest batch.
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.evaluation import EvaluationConfig, verify_evaluation

    config = EvaluationConfig(videos=videos, processes=processes, batch_size=batch_size)
    with spinner() as show:
        checks = verify_evaluation(config, progress=show)
    return print_checks(checks, json=json)
