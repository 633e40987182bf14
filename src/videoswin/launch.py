"""Several processes of one command on this machine: started together, ended together.

What torchrun does, without its restarts and with the exit code of the first process that failed, which says
what went wrong. On several machines torchrun or SLURM start the processes; then nothing is started here.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from videoswin.errors import ConfigError, RankLostError

GRACE_SECONDS = 30.0
"""After one process has failed, the others get so long to say what they know and end by themselves."""
_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


def is_launched() -> bool:
    """Whether a launcher has started this process as one of a job: this one, torchrun, or srun after
    `adopt_slurm`."""
    return "LOCAL_RANK" in os.environ


def adopt_slurm() -> None:
    """Say what srun says in the words of torchrun, where several tasks of a job step are this command.

    The processes meet on the first machine, at a port that follows from the job's number.
    """
    if is_launched() or int(os.environ.get("SLURM_NTASKS", "1")) < 2 or "SLURM_PROCID" not in os.environ:
        return
    tasks, nodes = int(os.environ["SLURM_NTASKS"]), int(os.environ.get("SLURM_NNODES", "1"))
    if tasks % nodes:
        raise ConfigError(f"SLURM has {tasks} tasks on {nodes} machines; allowed: as many on each")
    os.environ |= {
        "RANK": os.environ["SLURM_PROCID"],
        "LOCAL_RANK": os.environ["SLURM_LOCALID"],
        "NODE_RANK": os.environ.get("SLURM_NODEID", "0"),
        "WORLD_SIZE": str(tasks),
        "LOCAL_WORLD_SIZE": str(tasks // nodes),
        "MASTER_ADDR": os.environ.get("MASTER_ADDR") or _first_host(os.environ["SLURM_JOB_NODELIST"]),
        "MASTER_PORT": os.environ.get("MASTER_PORT") or str(15000 + int(os.environ["SLURM_JOB_ID"]) % 10000),
    }


def _first_host(nodes: str) -> str:
    """gpu[003-005,7],cpu1 -> gpu003"""
    first = re.match(r"([^,\[]+)(?:\[(\w+))?", nodes)
    if first is None:
        raise ConfigError(f"SLURM_JOB_NODELIST is {nodes!r}; expected host names such as gpu[003-005]")
    return first[1] + (first[2] or "")


def leave(exit_code: int) -> NoReturn:
    """End this process of a job now, with its output written.

    An ordinary end of the interpreter aborts in one of five jobs: threads of gloo outlive their group
    ("terminate called without an active exception", torch 2.13), and the launcher would take that for the
    exit code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def launch(arguments: Sequence[str], *, num_processes: int) -> int:
    """Run `videoswin ARGUMENTS` in `num_processes` processes that find each other; returns the exit code.

    It is that of the first process that failed, 8 if a signal killed it, else 0. SIGTERM, SIGINT and
    SIGUSR1 go to all processes. Only the first one writes to the standard output.
    """
    command = [sys.executable, "-m", "videoswin.cli.main", *arguments]
    children: list[subprocess.Popen[bytes]] = []
    came: list[int] = []
    previous = _forward_signals(children, came)  # first: a signal must not end us and leave them
    try:
        port = _free_port()
        for rank in range(num_processes):
            child = subprocess.Popen(
                command,
                env=_environment(rank, num_processes, port),
                stdout=None if rank == 0 else subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C of the terminal comes through us, once
                preexec_fn=_end_with_parent,
            )
            children.append(child)
            for number in came:
                child.send_signal(number)
        return _wait(children)
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end_with_parent() -> None:
    """In a child: if the launcher is killed, end as at SIGTERM (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _environment(rank: int, num_processes: int, port: int) -> dict[str, str]:
    size = str(num_processes)
    return os.environ | {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "NODE_RANK": "0",
        "WORLD_SIZE": size,
        "LOCAL_WORLD_SIZE": size,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _forward_signals(
    children: Sequence[subprocess.Popen[bytes]], came: list[int]
) -> dict[int, signal.Handlers]:
    """Returns the handlers that were there. came: gets each signal, for children that are still to start."""

    def forward(number: int, frame: FrameType | None) -> None:
        came.append(number)
        for child in children:
            if child.poll() is None:
                child.send_signal(number)

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    return {number: signal.signal(number, forward) for number in numbers}  # type: ignore[misc]


def _wait(children: Sequence[subprocess.Popen[bytes]]) -> int:
    """Until all have ended. The others of one that failed are killed after GRACE_SECONDS."""
    failed, deadline = 0, float("inf")
    running = list(children)
    while running:
        for child in list(running):
            code = child.poll()
            if code is None:
                continue
            running.remove(child)
            if code and not failed:
                failed = RankLostError.exit_code if code < 0 else code
                deadline = time.monotonic() + GRACE_SECONDS
        if time.monotonic() > deadline:
            for child in running:
                child.kill()
        time.sleep(_POLL_SECONDS)
    return failed
