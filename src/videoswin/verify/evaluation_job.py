"""One process of a job that evaluates the lists of `verify.evaluation`, each with several batch sizes.

`python -m videoswin.verify.evaluation_job FOLDER OUTPUT MAX_VIDEOS MAX_BATCH_SIZE`, or the same by torchrun.
"""

from __future__ import annotations

import sys
from pathlib import Path

from videoswin import ranks
from videoswin.errors import VideoSwinError
from videoswin.evaluate import EvaluateConfig, evaluate
from videoswin.evaluate.job import job
from videoswin.evaluate.predictions import to_parquet
from videoswin.evaluate.report import to_json
from videoswin.launch import leave
from videoswin.values import Views
from videoswin.verify.evaluation import LISTS, WEIGHTS, outcome_name


def main(folder: Path, output: Path, *, max_videos: int, max_batch_size: int) -> None:
    """Every process evaluates, the first keeps what comes: two files, or one with the error."""
    with job():
        for num_videos in range(max_videos + 1):
            for batch_size in range(1, max_batch_size + 1):
                files = _evaluate(folder, num_videos, batch_size)
                if ranks.rank() == 0:
                    for kind, content in files.items():
                        (output / f"{outcome_name(num_videos, batch_size)}.{kind}").write_bytes(content)


def _evaluate(folder: Path, num_videos: int, batch_size: int) -> dict[str, bytes]:
    config = EvaluateConfig(
        views=Views(clips=2, crops=3), batch_size=batch_size, num_workers=0, device="cpu", root=str(folder)
    )
    try:
        report = evaluate(folder / WEIGHTS, folder / LISTS / f"{num_videos}.csv", config)
    except VideoSwinError as error:
        return {"error": f"{type(error).__name__} {error}".encode()}
    return {"json": to_json(report).encode(), "parquet": to_parquet(report)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), max_videos=int(sys.argv[3]), max_batch_size=int(sys.argv[4]))
    leave(0)
