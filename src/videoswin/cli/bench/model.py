"""`videoswin bench model`: our model beside its peers."""

from __future__ import annotations

import json as json_text
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from videoswin.cli.bench.sizes import parse_sizes
from videoswin.cli.parse import call

if TYPE_CHECKING:
    pass


def main(arguments: list[str]) -> int:
    return call(bench_model, arguments, prog="videoswin bench model")


def bench_model(
    *,
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384"] = "swin_t",
    sizes: tuple[str, ...] = ("32x224x224",),
    modes: tuple[Literal["inference", "training"], ...] = ("inference",),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precisions: tuple[Literal["fp32", "tf32", "bf16", "int8"], ...] | None = None,
    ours: tuple[str, ...] | None = None,
    forms: tuple[Literal["eager", "compiled"], ...] | None = None,
    batch_sizes: tuple[int, ...] = (1,),
    rounds: int = 5,
    threads: int = 0,
    time_limit: float = 540.0,
    torchvision: str = "",
    official: str = "",
    mmaction2: str = "",
    profile: bool = False,
    compile_times: bool = False,
    skip_memory: bool = False,
    json: bool = False,
) -> int:
    """Measure the network on this device, every arm with the same weights and clips, in turn.

    Results are compared before anything is timed; an arm that computes something else gets no ratio. Medians
    over the rounds, with the ratio to the first arm and its lowest and highest value over the rounds. Peak
    memory is on a CPU that of a fresh process that builds the model and runs it, on a GPU that of all tensors
    but the clips. `peak` is the share of the machine's speed at a large matrix product in the same precision,
    measured in every round, at which the multiply-adds that a clip needs were computed; in training they
    count three times. `TFLOP/s` counts a multiply-add as two.

    Args:
        variant: Which published size.
        sizes: Clips, frames by height by width, for example [32x224,16x112,29x230x250].
        modes: inference, training (forward, backward, AdamW), or both.
        device: cpu, cuda, or auto: a GPU where there is one.
        precisions: Of every arm that has it: fp32, tf32 (GPU), bf16 (autocast for a peer), int8 (frozen on a
            CPU). The first is the one all arms are compared with. By default fp32, on a GPU [bf16,tf32].
        ours: Our model with an attention backend (reference, boxes and whatever else this version has), or
            what prediction and evaluation make of it (frozen; inference only). By default those that are in
            use on the device.
        forms: eager, compiled (ours block by block, a peer as a whole; in the first precision), or both. By
            default eager, on a GPU both.
        batch_sizes: Clips at once, for example [1,8,32]; with several, also each arm at its own best.
        rounds: Timed rounds, after one that is compared.
        threads: CPU threads; 0 is torch's own choice.
        time_limit: Seconds after which nothing new is begun; what was left out is said. 0: none.
        torchvision: Folder with torchvision (pip install --no-deps --target FOLDER torchvision==0.28.0) to
            measure beside.
        official: The official model file (mmaction/models/backbones/swin_transformer.py of
            SwinTransformer/Video-Swin-Transformer) to measure beside; its framework is not needed.
        mmaction2: mmaction2's model file (mmaction/models/backbones/swin.py) to measure beside; its framework
            is not needed.
        profile: Print where the time of a step goes, by part, by operator and, on a GPU, by kernel.
        compile_times: Also compile every compiled arm in a fresh process, without and with what an earlier
            one left on the disk.
        skip_memory: Leave out the peak memory, which on a CPU takes a process an arm.
        json: Print one JSON object instead of tables.
    """
    # Read by the profiler's library as it is loaded: it writes lines of its own to stderr.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    from videoswin.bench.arms import ArmsConfig, defaults
    from videoswin.bench.device import find_device
    from videoswin.bench.model import BenchConfig, run
    from videoswin.cli.bench.tables import print_bench, report
    from videoswin.cli.bench.watched import watched

    usual = defaults(find_device(device).type)
    config = BenchConfig(
        arms=ArmsConfig(
            variant=variant,
            device=usual.device,
            ours=usual.ours if ours is None else ours,
            precisions=usual.precisions if precisions is None else precisions,
            forms=usual.forms if forms is None else forms,
            torchvision=torchvision,
            official=official,
            mmaction2=mmaction2,
        ),
        sizes=parse_sizes(sizes),
        modes=modes,
        batch_sizes=batch_sizes,
        rounds=rounds,
        threads=threads,
        skip_memory=skip_memory,
        profile=profile,
        compile_times=compile_times,
        time_limit=time_limit,
    )
    result = watched(run(config))
    if json:
        print(json_text.dumps({"config": asdict(config), **report(result)}))
    else:
        print_bench(config, result)
    return 0
