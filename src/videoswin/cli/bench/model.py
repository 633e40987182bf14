"""`videoswin bench model`: our model beside its peers."""

from __future__ import annotations

import json as json_text
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from videoswin.cli.bench.sizes import parse_sizes
from videoswin.cli.parse import call

if TYPE_CHECKING:
    from videoswin.bench.model import Bench


def main(arguments: list[str]) -> int:
    return call(bench_model, arguments, prog="videoswin bench model")


def bench_model(
    *,
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384"] = "swin_t",
    sizes: tuple[str, ...] = ("32x224x224",),
    modes: tuple[Literal["inference", "training"], ...] = ("inference",),
    precisions: tuple[Literal["fp32", "bf16", "int8"], ...] = ("fp32",),
    ours: tuple[Literal["reference", "boxes", "frozen"], ...] = ("reference", "boxes", "frozen"),
    batch_size: int = 1,
    rounds: int = 5,
    threads: int = 0,
    torchvision: str = "",
    official: str = "",
    mmaction2: str = "",
    profile: bool = False,
    skip_memory: bool = False,
    json: bool = False,
) -> int:
    """Measure the network on this CPU, every arm with the same weights and clips, in turn.

    Results are compared before anything is timed; an arm that computes something else gets no ratio. Medians
    over the rounds, with the ratio to the first arm and its lowest and highest value over the rounds; peak
    memory of a fresh process that builds the model and runs it. `peak` is the share of the machine's speed at
    a 2048 x 2048 matrix product in the same precision, measured in every round, at which the multiply-adds
    that a clip needs were computed; in training they count three times.

    Args:
        variant: Which published size.
        sizes: Clips, frames by height by width, for example [32x224,16x112,29x230x250].
        modes: inference, training (forward, backward, AdamW), or both.
        precisions: Of every arm that has it; bf16 of a peer is autocast, int8 has frozen only.
        ours: Our model with an attention backend (reference, boxes), or what prediction and evaluation make
            of it (frozen; inference only).
        batch_size: Clips at once.
        rounds: Timed rounds, after one that is compared.
        threads: CPU threads; 0 is torch's own choice.
        torchvision: Folder with torchvision (pip install --no-deps --target FOLDER torchvision==0.28.0) to
            measure beside.
        official: The official model file (mmaction/models/backbones/swin_transformer.py of
            SwinTransformer/Video-Swin-Transformer) to measure beside; its framework is not needed.
        mmaction2: mmaction2's model file (mmaction/models/backbones/swin.py) to measure beside; its framework
            is not needed.
        profile: Print where the time of a step goes, by part and by operator.
        skip_memory: Leave out the peak memory, which takes a process an arm.
        json: Print one JSON object instead of tables.
    """
    # Read by the profiler's library as it is loaded: it writes lines of its own to stderr.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    from rich.console import Console

    from videoswin.bench.arms import ArmsConfig
    from videoswin.bench.model import BenchConfig, run
    from videoswin.cli.bench.tables import print_bench

    config = BenchConfig(
        arms=ArmsConfig(
            variant=variant,
            ours=ours,
            precisions=precisions,
            torchvision=torchvision,
            official=official,
            mmaction2=mmaction2,
        ),
        sizes=parse_sizes(sizes),
        modes=modes,
        batch_size=batch_size,
        rounds=rounds,
        threads=threads,
        skip_memory=skip_memory,
        profile=profile,
    )
    result: Bench | None = None
    with Console(stderr=True).status("start") as status:
        for step, measured in run(config):
            status.update(step)
            result = measured
    assert result is not None
    if json:
        print(json_text.dumps({"config": asdict(config), **asdict(result)}))
    else:
        print_bench(config, result)
    return 0
