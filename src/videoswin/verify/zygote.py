"""Training runs in processes of their own, without the seconds that importing takes each time.

`python -m videoswin.verify.zygote` imports everything once and reads one Order as JSON a line. Each runs the
command line in a fork, the leader of a process group of its own; the answer is one Ended.
"""

from __future__ import annotations

import logging
import os
import runpy
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from videoswin.faults import VARIABLE
from videoswin.verify.server import Server, serve, start


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """`videoswin ARGUMENTS`, what it prints appended to `log`.

    fault: NAME@N of videoswin.faults, or empty. signal_number (0: none) is sent `after` seconds after its
    start, or once the file or folder `when` is there; to its whole group if `to_group`.
    """

    arguments: Sequence[str]
    log: str
    fault: str = ""
    signal_number: int = 0
    after: float = 0.0
    when: str = ""
    to_group: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """code: as shells have it, 128 + n for a process that signal n killed. seconds: it ran; seconds_after:
    since the signal, 0 without."""

    code: int
    seconds: float
    seconds_after: float


Zygote = Server[Order, Ended]


def zygote() -> AbstractContextManager[Zygote]:
    """The process."""
    return start("videoswin.verify.zygote", Ended)


def _run(order: Order) -> Ended:
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _train(order)  # does not return
    sent_at = _send_signal(order, pid)
    _, status = os.waitpid(pid, 0)
    end = time.monotonic()
    code = os.waitstatus_to_exitcode(status)
    return Ended(
        code=128 - code if code < 0 else code,
        seconds=end - start,
        seconds_after=end - sent_at if sent_at else 0.0,
    )


def _send_signal(order: Order, pid: int) -> float:
    """When it was sent; 0 if the process ended before, or there is none."""
    if not order.signal_number:
        return 0.0
    deadline = time.monotonic() + order.after
    while not Path(order.when).exists() if order.when else time.monotonic() < deadline:
        if _has_ended(pid):
            return 0.0
        time.sleep(0.002)
    (os.killpg if order.to_group else os.kill)(pid, order.signal_number)
    return time.monotonic()


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _train(order: Order) -> None:
    """In the fork: end the process whatever happens."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if order.fault:
            os.environ[VARIABLE] = order.fault
        sys.argv[1:] = order.arguments
        runpy.run_module("videoswin.cli.main", run_name="__main__")
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        logging.getLogger("videoswin").exception("a bug")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    import videoswin.train.run  # noqa: F401 (what takes the time)

    serve(Order, _run)
