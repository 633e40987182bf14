"""A process that imports what takes long once, and does one job after the other in forks of itself: each fork
is the process that dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Generic, TypeVar

from videoswin.faults import VARIABLE

J = TypeVar("J")
A = TypeVar("A")


class Server(Generic[J, A]):
    """Runs jobs, one at a time: a line of JSON for each, and one for its answer, both dataclasses of plain
    values."""

    def __init__(self, process: subprocess.Popen[str], answer: Callable[..., A]) -> None:
        self._process = process
        self._answer = answer

    def run(self, job: J) -> A:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")  # type: ignore[call-overload]
        self._process.stdin.flush()
        return self._answer(**json.loads(self._process.stdout.readline()))


@contextmanager
def start(module: str, answer: Callable[..., A]) -> Iterator[Server[Any, A]]:
    """`python -m MODULE`, without a fault of its own and with one thread: only such can be forked."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"OMP_NUM_THREADS": "1"},
    )
    with process:  # closes its input, at which it ends
        yield Server(process, answer)


def serve(job: Callable[..., J], run: Callable[[J], Any]) -> None:
    """In that process: do jobs until the input ends."""
    for line in sys.stdin:
        print(json.dumps(asdict(run(job(**json.loads(line))))), flush=True)
