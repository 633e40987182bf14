"""Peak memory of a step on a CPU, in a fresh process: a process never gives its peak back.

`python -m videoswin.bench.memory JSON` is that process; it prints bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from videoswin.bench.job import Job, in_fresh_process, parse, start
from videoswin.bench.steps import STEPS_BEFORE_THE_PEAK


def peak_memory(job: Job) -> int:
    """Bytes at the worst moment, python and torch included (about 0.3 GB)."""
    return int(in_fresh_process("videoswin.bench.memory", job))


def _run(job: Job) -> int:
    step, clips = start(job)
    for _ in range(STEPS_BEFORE_THE_PEAK[job.mode]):
        step(clips)
    # Not getrusage: its peak counts what the parent had when it started this process.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    print(_run(parse(sys.argv[1])))
