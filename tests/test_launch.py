"""Real child processes of the command line; SLURM by its environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from videoswin.errors import ConfigError
from videoswin.launch import _first_host, adopt_slurm, is_launched, launch

NAMES = (
    *("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    *("SLURM_NTASKS", "SLURM_NNODES", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"),
    *("SLURM_JOB_NODELIST", "SLURM_JOB_ID"),
)


@pytest.fixture(autouse=True)
def _outside_of_any_job(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set and deleted, so that what adopt_slurm sets is gone after the test.
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


# Processes


def launched(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_first_process_alone_writes_to_the_standard_output() -> None:
    done = launched("from videoswin.launch import launch; print(launch(['--version'], num_processes=3))")
    version, code = done.stdout.split()
    assert version[0].isdigit()
    assert code == "0"


def test_the_exit_code_is_that_of_the_first_that_failed() -> None:
    done = launched("from videoswin.launch import launch; exit(launch(['trian'], num_processes=2))")
    assert done.returncode == 2
    assert done.stderr.count("unknown verb 'trian'; did you mean 'train'?") == 2


STAND_IN = """
import sys
from videoswin import launch
sys.executable = sys.argv[1]
launch.GRACE_SECONDS = 0.5
sys.exit(launch.launch([], num_processes=3))
"""
"""Starts a script as if it were Python with the command line."""


def launched_script(tmp_path, body: str, *, send: int = 0) -> subprocess.CompletedProcess[str]:
    """Three processes that are each this shell script."""
    script = tmp_path / "child"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    started = subprocess.Popen(
        [sys.executable, "-c", STAND_IN, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if send:
        for _ in range(3):  # each process says that it listens
            assert started.stderr is not None
            assert started.stderr.readline() == "ready\n"
        started.send_signal(send)
    out, err = started.communicate(timeout=60)
    return subprocess.CompletedProcess([], started.returncode, out, err)


def test_each_process_is_told_its_place(tmp_path) -> None:
    body = 'echo "$RANK $LOCAL_RANK $NODE_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $MASTER_ADDR $MASTER_PORT" >&2'
    done = launched_script(tmp_path, body)
    assert done.returncode == 0
    places = sorted(line.split() for line in done.stderr.splitlines())
    ports = {place.pop() for place in places}
    assert len(ports) == 1
    assert places == [[str(rank), str(rank), "0", "3", "3", "127.0.0.1"] for rank in range(3)]


def test_d01_a_killed_process_ends_the_others_after_a_while(tmp_path) -> None:
    begun = time.monotonic()
    done = launched_script(tmp_path, '[ "$RANK" = 1 ] && kill -9 $$; exec sleep 50')
    assert done.returncode == 8
    assert time.monotonic() - begun < 30


def test_the_first_fault_counts_not_what_follows_from_it(tmp_path) -> None:
    body = 'trap "exit 9" TERM; [ "$RANK" = 2 ] && exit 5; sleep 0.2; exit 8'
    assert launched_script(tmp_path, body).returncode == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_d07_a_signal_goes_to_all_processes(number: signal.Signals, tmp_path) -> None:
    body = (
        f'trap "echo $RANK got it >&2; exit 143" {number.name[3:]}; echo ready >&2; '
        "while true; do sleep 0.05; done"
    )
    done = launched_script(tmp_path, body, send=number)
    assert done.returncode == 143
    assert sorted(done.stderr.splitlines()) == [f"{rank} got it" for rank in range(3)]


def test_handlers_are_as_before_afterwards() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    assert threading.current_thread() is threading.main_thread()
    assert launch(["--version"], num_processes=1) == 0
    assert {number: signal.getsignal(number) for number in before} == before


# What a launcher says


def test_a_process_alone_is_in_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_launched()
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("RANK", "5")
    assert is_launched()


SLURM = {
    "SLURM_NTASKS": "4",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_JOB_NODELIST": "gpu[003-004]",
    "SLURM_JOB_ID": "123456",
}


def adopt(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> dict[str, str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    adopt_slurm()
    return {name: os.environ[name] for name in NAMES[:7] if name in os.environ}


def test_srun_in_the_words_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    assert adopt(monkeypatch, SLURM) == {
        "RANK": "3",
        "LOCAL_RANK": "1",
        "NODE_RANK": "1",
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "gpu003",
        "MASTER_PORT": "18456",
    }


def test_a_meeting_place_that_is_named_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = adopt(monkeypatch, {**SLURM, "MASTER_ADDR": "here", "MASTER_PORT": "7"})
    assert (found["MASTER_ADDR"], found["MASTER_PORT"]) == ("here", "7")


@pytest.mark.parametrize(
    "change",
    [
        {"SLURM_NTASKS": "1"},  # one task: `--scale.devices` may start the processes
        {"LOCAL_RANK": "0", "RANK": "0"},  # torchrun inside of SLURM
    ],
)
def test_what_is_no_job_step_of_several_is_left_alone(
    change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = adopt(monkeypatch, {**SLURM, **change})
    assert found == {name: value for name, value in change.items() if name in NAMES[:7]}


def test_sbatch_itself_is_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    assert adopt(monkeypatch, {k: v for k, v in SLURM.items() if k != "SLURM_PROCID"}) == {}


def test_uneven_tasks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="SLURM has 5 tasks on 2 machines; allowed: as many on each"):
        adopt(monkeypatch, {**SLURM, "SLURM_NTASKS": "5"})


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu003", "gpu003"),
        ("gpu[003-005,7],cpu1", "gpu003"),
        ("gpu[7]", "gpu7"),
        ("gpu1,gpu2", "gpu1"),
        ("node-a.example.org,node-b", "node-a.example.org"),
    ],
)
def test_the_first_host(nodes: str, first: str) -> None:
    assert _first_host(nodes) == first


@pytest.mark.parametrize("nodes", ["", "[1-2]", ",a"])
def test_a_list_without_a_host_is_refused(nodes: str) -> None:
    with pytest.raises(ConfigError, match=r"SLURM_JOB_NODELIST is .*; expected host names such as gpu"):
        _first_host(nodes)
