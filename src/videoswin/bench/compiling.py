"""The compiled form of a model, and how long compiling takes with and without what an earlier run left.

`python -m videoswin.bench.compiling JSON` is the process that is timed; it prints seconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch._dynamo
from torch import nn

from videoswin.bench.job import Job, in_fresh_process, parse, start
from videoswin.model import VideoSwin
from videoswin.model.compiling import compile_blocks

VARIANTS = 64
"""Of one function that torch may keep."""
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def compile_model(model: nn.Module) -> None:
    """Ours block by block, as training does, a peer as a whole (torchvision's becomes one graph): it is
    compiled at its first call. Names and weights stay."""
    if isinstance(model, VideoSwin):
        compile_blocks(model)
    else:
        keep_variants()
        model.compile(dynamic=False)


def keep_variants() -> None:
    """Let torch compile a function for many shapes: by itself it gives up after 8 and goes on uncompiled, and
    a peer that does not become one graph has as many in its layers."""
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)


def forget_compiled() -> None:
    """Of models that are no more; torch counts them against the variants it keeps of a function."""
    torch._dynamo.reset()


def compile_seconds(job: Job, *, timeout: float) -> tuple[float, float]:
    """(cold, warm): what compiling adds to the first step of a fresh process, with empty caches and with
    those that the first process left. Raises subprocess.TimeoutExpired after `timeout` seconds for both."""
    end = time.monotonic() + timeout
    with tempfile.TemporaryDirectory() as folder:
        caches = {name: str(Path(folder, name)) for name in CACHES}
        cold, warm = (
            float(
                in_fresh_process(
                    "videoswin.bench.compiling",
                    job,
                    environment=os.environ | caches,
                    timeout=end - time.monotonic(),
                )
            )
            for _ in range(2)
        )
    return cold, warm


def _run(job: Job) -> float:
    # Libraries, kernels and the device start with the first step of any arm: that is no compiling.
    eager = replace(job.arms, forms=("eager",))
    _seconds(replace(job, arms=eager, arm=job.arm.replace(" compiled ", " ")))
    first, second = _seconds(job)
    return first - second


def _seconds(job: Job) -> list[float]:
    """Of the first two steps of an arm."""
    step, clips = start(job)
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        step(clips).cpu()  # waits for the device
        seconds.append(time.perf_counter() - begin)
    return seconds


if __name__ == "__main__":
    print(_run(parse(sys.argv[1])))
