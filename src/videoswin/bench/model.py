"""Forward time and memory of one clip batch: our backends and, where given, torchvision, with the same
weights.

Arms run in turn inside every round of one process, so that a drifting machine hurts all alike; the ratio of a
round is taken inside it. Memory is measured in a fresh process an arm, since a process never gives its peak
back.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from videoswin.bench.peers import our_model, torchvision_model
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, SwinConfig, VideoSwin
from videoswin.values import Size3


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What is measured."""

    variant: str = "swin_t"
    """A published size: swin_t, swin_s, swin_b, swin_l or swin_l_384."""
    clip: tuple[int, int, int] = (32, 224, 224)
    """Frames, height and width."""
    batch_size: int = 1
    """Clips at once."""
    rounds: int = 5
    """Timed rounds, after one that is not counted."""
    threads: int = 0
    """CPU threads; 0 is torch's own choice."""
    torchvision: str = ""
    """Folder in which torchvision lies (pip install --no-deps --target FOLDER torchvision==0.28.0); empty
    leaves the peer out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Of one arm: seconds of every round, peak memory in bytes, largest difference of its logits to the first
    arm's, relative to their size."""

    arm: str
    seconds: list[float]
    peak_bytes: int
    logits_difference: float

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


Arm = Callable[[SwinConfig, dict[str, Tensor]], nn.Module]


def arms(config: BenchConfig) -> dict[str, Arm]:
    """Name to builder; the first is what the others are compared with."""
    ours: dict[str, Arm] = {name: partial(our_model, name) for name in ("reference", "boxes")}
    if config.torchvision:
        return {"torchvision": partial(torchvision_model, config.torchvision), **ours}
    return ours


def run(config: BenchConfig) -> Iterator[tuple[str, list[Result]]]:
    """Measure; yields (what is done now, results so far), the last with all results."""
    if config.variant not in VARIANTS:
        raise ConfigError(f"variant is {config.variant!r}; allowed: {', '.join(VARIANTS)}")
    if config.threads:
        torch.set_num_threads(config.threads)
    clips, models = _clips(config), {}
    for name, build in arms(config).items():
        yield f"build {name}", []
        models[name] = build(VARIANTS[config.variant], _weights(config))
    seconds: dict[str, list[float]] = {name: [] for name in models}
    logits: dict[str, Tensor] = {}
    with torch.inference_mode():
        for step in range(config.rounds + 1):
            yield f"round {step} of {config.rounds}", []
            for name, model in models.items():
                start = time.perf_counter()
                logits[name] = model(clips)
                if step:
                    seconds[name].append(time.perf_counter() - start)
    first = next(iter(logits.values()))
    results: list[Result] = []
    for name in models:
        yield f"memory of {name}", results
        difference = float((logits[name] - first).abs().max() / first.abs().max())
        peak = _peak_in_fresh_process(config, name)
        results.append(Result(arm=name, seconds=seconds[name], peak_bytes=peak, logits_difference=difference))
    yield "done", results


def _weights(config: BenchConfig) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return VideoSwin(VARIANTS[config.variant]).state_dict()


def _clips(config: BenchConfig) -> Tensor:
    frames, height, width = Size3(*config.clip)
    generator = torch.Generator().manual_seed(1)
    return torch.randn(config.batch_size, 3, frames, height, width, generator=generator)


def _peak_in_fresh_process(config: BenchConfig, arm: str) -> int:
    command = [sys.executable, "-m", "videoswin.bench.model", json.dumps(asdict(config)), arm]
    finished = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    return int(finished.stdout.split()[-1])


def _peak_of_one_forward(config: BenchConfig, arm: str) -> int:
    if config.threads:
        torch.set_num_threads(config.threads)
    model = arms(config)[arm](VARIANTS[config.variant], _weights(config))
    with torch.inference_mode():
        model(_clips(config))
    # Not getrusage: its peak counts what the parent had when it started this process.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    print(_peak_of_one_forward(BenchConfig(**json.loads(sys.argv[1])), sys.argv[2]))
