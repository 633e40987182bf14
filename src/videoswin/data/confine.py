"""Limits of the operating system on this process, for work that may go wrong in native code. Linux.

They can't be taken back, so a process that confines itself is one made for the purpose.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import sys

from videoswin.errors import ConfigError

_NUM_FILES = 32
_BYTES_A_THREAD = 80 * 2**20  # of addresses: the stack (8 MiB) and the C library's arena (64 MiB)
_PR_SET_NO_NEW_PRIVS = 38


def require_linux() -> None:
    """Raises ConfigError where these limits do not exist."""
    if sys.platform != "linux":
        raise ConfigError("a process with limits needs Linux; elsewhere untrusted videos are not read")


def confine(*, memory: int, cpu_seconds: float, num_threads: int) -> None:
    """Let this process write no file, leave no core dump, gain no rights, and take no more than this.

    memory: bytes beyond what it has now; past them an allocation fails. cpu_seconds: processor time of all
    threads; past it the process is killed. It leaves the session of its parent, whose terminal it can then
    neither read nor stop.
    """
    require_linux()
    os.setsid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    addresses, data = _mapped_bytes()
    limits = {
        resource.RLIMIT_DATA: data + memory,
        resource.RLIMIT_AS: addresses + memory + num_threads * _BYTES_A_THREAD,
        resource.RLIMIT_CPU: math.ceil(cpu_seconds),
        resource.RLIMIT_NOFILE: _NUM_FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, wanted in limits.items():
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))


def peak_bytes() -> int:
    """The most memory that this process has had resident since it started or `reset_peak`."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def reset_peak() -> None:
    """Let `peak_bytes` begin anew."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _mapped_bytes() -> tuple[int, int]:
    """(addresses in use, private data) of this process, in bytes."""
    with open("/proc/self/statm") as file:
        pages = file.read().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()
