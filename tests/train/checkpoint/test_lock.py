"""T07, T08: two runs in one folder, and one that died there."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from videoswin.errors import InUseError, StorageError
from videoswin.train.checkpoint import RunLock

HOLD = """
import multiprocessing, os, sys, time
from pathlib import Path
from videoswin.train.checkpoint import RunLock

def sleep(): time.sleep(60)

if __name__ == "__main__":
    with RunLock(Path(sys.argv[1])):
        pid = 0
        if sys.argv[2] == "fork":
            pid = os.fork()
            if pid == 0: sleep()
        elif sys.argv[2] != "none":
            child = multiprocessing.get_context(sys.argv[2]).Process(target=sleep)
            child.start()
            pid = child.pid
        print(pid, flush=True)
        sleep()
"""


def holder(folder: Path, children: str = "none") -> tuple[subprocess.Popen[str], int]:
    """A process that has the folder, and the id of its child."""
    script = folder.parent / "hold.py"
    script.write_text(HOLD)
    command = [sys.executable, str(script), str(folder), children]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_t07_a_second_run_is_refused_within_a_second_naming_the_first(run: Path) -> None:
    process, _ = holder(run)
    with process:
        begin = time.perf_counter()
        with pytest.raises(InUseError) as caught, RunLock(run):
            pass
        assert time.perf_counter() - begin < 1
        process.kill()
    host = re.escape(socket.gethostname())
    who = rf"process {process.pid} on {host}, started \d{{4}}-\d\d-\d\dT[\d:]+\+00:00"
    assert re.fullmatch(rf"{re.escape(str(run))} is in use by {who}", str(caught.value))
    assert caught.value.exit_code == 9


@pytest.mark.parametrize("children", ["fork", "forkserver", "spawn"])
def test_t08_a_killed_run_is_taken_over_though_its_workers_live(
    run: Path, children: str, caplog: pytest.LogCaptureFixture
) -> None:
    process, child = holder(run, children)
    with process:
        process.kill()
    try:
        with caplog.at_level(logging.WARNING), RunLock(run):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
    assert f"{run} was held by process {process.pid} on " in caplog.text
    assert "which did not end by itself: taken over" in caplog.text


def test_a_run_that_ended_leaves_no_trace_and_no_note(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        with RunLock(run):
            assert json.loads((run / ".lock").read_text())["pid"] == os.getpid()
        with pytest.raises(KeyError), RunLock(run):
            raise KeyError
        with RunLock(run), pytest.raises(InUseError), RunLock(run):
            pass
        with RunLock(run):
            pass
    assert caplog.text == ""


def test_a_holder_that_has_not_said_who_it_is(run: Path) -> None:
    with RunLock(run):
        for content in ("", "{", "[]", '{"pid": 1}'):
            (run / ".lock").write_text(content)
            with pytest.raises(InUseError, match="is in use by another run"), RunLock(run):
                pass


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot lock .*gone/\.lock: No such file or directory"):
        with RunLock(tmp_path / "gone"):
            pass
