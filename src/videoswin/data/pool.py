"""Run one function over many files in worker processes that may die: a crash costs one file, which is named.

A decoder can take its process down (row V36 of the fault catalogue). Python's own pool then loses every task;
this one knows which file each worker holds, reports it, replaces the worker and goes on. It knows nothing of
videos.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any, Generic, NamedTuple, TypeVar

from videoswin.errors import VideoSwinError

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_POLL_SECONDS = 1.0  # how often the time limit is looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A task whose worker died or was stopped."""

    reason: str


class _Bug(NamedTuple):
    text: str


class _Worker(Generic[_Task]):
    """A process, our end of its pipe and the task that it holds."""

    def __init__(self, context: ForkServerContext | SpawnContext, function: Callable[..., Any]) -> None:
        self.pipe, other_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(other_end, function), daemon=True)
        self.process.start()
        other_end.close()  # so that the death of the process ends the pipe
        self.task: _Task | None = None
        self.start_seconds = 0.0

    def give(self, task: _Task) -> None:
        self.task = task
        self.start_seconds = time.monotonic()
        self.pipe.send(task)

    def take(self) -> Any:
        """What the worker answers; Lost where it has died."""
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Lost(reason=f"the decoder's process died ({_name_of(self.process.exitcode)})")

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run_tasks(
    function: Callable[[_Task], _Result],
    tasks: Iterable[_Task],
    *,
    num_workers: int,
    timeout_seconds: float = 0.0,
    preload: str = "videoswin.data.decode",
) -> Iterator[tuple[_Task, _Result | Lost]]:
    """(task, what function(task) gives) as each is known, in any order; Lost where a worker died.

    function and the tasks are sent to other processes, so `function` is of a module and the tasks are plain
    values. timeout_seconds: a task that takes longer is stopped and Lost; 0: none is. preload: a module that
    all workers need, loaded once. Raises the VideoSwinError that `function` raises, and RuntimeError with the
    worker's traceback for any other exception: a bug. Workers leave Ctrl-C to this process and end with it.
    """
    context = _context(preload)
    waiting = iter(tasks)
    workers: list[_Worker[_Task]] = []
    try:
        while True:
            while len(workers) < num_workers and (task := next(waiting, None)) is not None:
                workers.append(_started(context, function, task))
            if not workers:
                return
            for worker in _ready(workers, timeout_seconds):
                yield _finish(worker, workers, timeout_seconds)
                if worker in workers and (task := next(waiting, None)) is not None:
                    worker.give(task)
                elif worker in workers:
                    worker.stop()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.stop()


def _started(
    context: ForkServerContext | SpawnContext, function: Callable[..., Any], task: _Task
) -> _Worker[_Task]:
    worker: _Worker[_Task] = _Worker(context, function)
    worker.give(task)
    return worker


def _ready(workers: list[_Worker[_Task]], timeout_seconds: float) -> list[_Worker[_Task]]:
    """Workers that have answered, died, or taken too long; waits until there is one."""
    while True:
        pipes = wait([worker.pipe for worker in workers], timeout=_POLL_SECONDS)
        ready = [w for w in workers if w.pipe in pipes or _is_late(w, timeout_seconds)]
        if ready:
            return ready


def _is_late(worker: _Worker[_Task], timeout_seconds: float) -> bool:
    return 0 < timeout_seconds < time.monotonic() - worker.start_seconds


def _finish(
    worker: _Worker[_Task], workers: list[_Worker[_Task]], timeout_seconds: float
) -> tuple[_Task, Any]:
    """The worker's task and its outcome. A worker that is of no use any more is taken from `workers`."""
    if worker.pipe.poll():
        outcome = worker.take()
    else:
        outcome = Lost(reason=f"stopped after {timeout_seconds:g} s: the decoder did not come to an end")
    if isinstance(outcome, Lost):
        worker.stop()
        workers.remove(worker)
    if isinstance(outcome, _Bug):
        raise RuntimeError(f"in a worker process:\n{outcome.text}")
    if isinstance(outcome, VideoSwinError):
        raise outcome
    task = worker.task
    assert task is not None
    return task, outcome


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Answer tasks until the other end of the pipe is closed or gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            outcome = function(task)
        except VideoSwinError as error:
            outcome = error
        except Exception:
            outcome = _Bug(traceback.format_exc())  # raised again on the other side
        try:
            pipe.send(outcome)
        except BrokenPipeError:
            return


def _context(preload: str) -> ForkServerContext | SpawnContext:
    """Processes that share no state with ours, where that is possible without loading torch for each."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    return context


def default_num_workers() -> int:
    """One for each CPU core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _name_of(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
