from __future__ import annotations

import os
import signal
import time

import pytest

from videoswin.data.pool import Lost, default_num_workers, run_tasks
from videoswin.errors import StorageError


def behave(task: str) -> str:
    if task == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "leave":
        os._exit(7)
    if task == "hang":
        time.sleep(600)
    if task == "full":
        raise StorageError("cannot write x: no space")
    if task == "bug":
        raise IndexError("a bug")
    if task == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    return task.upper()


def test_every_task_has_its_result() -> None:
    tasks = [f"task {number}" for number in range(9)]
    done = dict(run_tasks(behave, tasks, num_workers=3))
    assert done == {task: task.upper() for task in tasks}


def test_v36_a_crash_names_its_task_and_the_others_go_on() -> None:
    done = dict(run_tasks(behave, ["a", "crash", "b", "leave", "c"], num_workers=2))
    assert done == {
        "a": "A",
        "crash": Lost(reason="the decoder's process died (SIGSEGV)"),
        "b": "B",
        "leave": Lost(reason="the decoder's process died (exit code 7)"),
        "c": "C",
    }


def test_v36_an_endless_loop_is_stopped() -> None:
    done = dict(run_tasks(behave, ["hang", "a"], num_workers=2, timeout_seconds=6))
    assert done["hang"] == Lost(reason="stopped after 6 s: the decoder did not come to an end")
    assert done["a"] == "A"


def test_workers_leave_signals_to_us() -> None:
    assert dict(run_tasks(behave, ["interrupt"], num_workers=1)) == {"interrupt": "INTERRUPT"}


def test_our_errors_are_raised_and_others_are_bugs() -> None:
    with pytest.raises(StorageError, match="cannot write x: no space"):
        list(run_tasks(behave, ["full"], num_workers=1))
    with pytest.raises(RuntimeError, match=r"in a worker process:\n(.|\n)*IndexError: a bug"):
        list(run_tasks(behave, ["bug"], num_workers=1))


def test_there_is_a_worker_for_each_core() -> None:
    assert 1 <= default_num_workers() <= (os.cpu_count() or 1)
