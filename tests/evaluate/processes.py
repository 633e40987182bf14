"""Small jobs of several processes for the tests, started by torchrun: `python -m tests.evaluate.processes`.

What each process ends with is printed as `rank: text` on standard output.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch

from videoswin import ranks
from videoswin.errors import ConfigError, DecodeError, VideoSwinError
from videoswin.evaluate import EvaluateConfig, evaluate
from videoswin.evaluate.job import first_does, gather, job, together
from videoswin.launch import leave
from videoswin.predict import Predictor
from videoswin.values import Views


def all_agree() -> str:
    with together():
        pass
    return f"{gather(ranks.rank())} {first_does(lambda: ranks.rank())}"


def second_fails() -> str:
    with together():
        if ranks.rank() == 1:
            raise DecodeError("a.mp4", "V05", "an HTML page")
    return "went on"


def all_fail() -> str:
    with together():
        raise ConfigError(f"of process {ranks.rank()}")
    return "went on"


def first_fails() -> str:
    def refuse() -> None:
        raise ConfigError("no place")

    first_does(refuse)
    return "went on"


def second_is_killed() -> str:
    gather(None)
    if ranks.rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    gather(None)
    return "went on"


def second_is_stuck() -> str:
    gather(None)
    if ranks.rank() == 1:
        time.sleep(30)
    gather(None)
    return "went on"


def second_reads_another_list() -> str:
    folder = Path(os.environ["TEST_FOLDER"])
    return _evaluate(folder, folder / f"list{ranks.rank()}.csv")


def second_has_bad_scores() -> str:
    """Of its first video; the first process could go on for long."""
    probabilities = Predictor.probabilities

    def judge(self: Predictor, clips: torch.Tensor) -> torch.Tensor:
        if ranks.rank() == 1:
            self.model.head.bias.data.fill_(float("nan"))
        return probabilities(self, clips)

    Predictor.probabilities = judge  # type: ignore[method-assign]
    folder = Path(os.environ["TEST_FOLDER"])
    return _evaluate(folder, folder / "list0.csv")


def _evaluate(folder: Path, listing: Path) -> str:
    config = EvaluateConfig(views=Views(clips=1, crops=1), num_workers=0, device="cpu", root=str(folder))
    return str(len(evaluate(folder / "micro.safetensors", listing, config).samples))


CASES: dict[str, Callable[[], str]] = {
    case.__name__: case
    for case in (
        all_agree,
        second_fails,
        all_fail,
        first_fails,
        second_is_killed,
        second_is_stuck,
        second_reads_another_list,
        second_has_bad_scores,
    )
}


def run(case: str, *, num_processes: int = 2, folder: Path | None = None) -> dict[int, str]:
    """The last word of each process that had one, by rank."""
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(num_processes)]
    command = [sys.executable, "-m", *launcher, "-m", "tests.evaluate.processes", case]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TEST_FOLDER": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    words = [line.partition(": ") for line in done.stdout.splitlines()]
    return {int(rank): text for rank, _, text in sorted(words)}


def main(case: str) -> None:
    with job(timeout=timedelta(seconds=3 if case == "second_is_stuck" else 60)):
        rank = ranks.rank()
        try:
            text = CASES[case]()
        except VideoSwinError as error:
            text = f"{type(error).__name__}: {error}"
        # One write, so that lines of several processes are not mixed.
        sys.stdout.write(f"{rank}: {text}\n")
        sys.stdout.flush()
        leave(8 if text.startswith("RankLostError") else 0)  # after 8 the launcher ends the others


if __name__ == "__main__":
    main(sys.argv[1])
