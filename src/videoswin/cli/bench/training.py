"""`videoswin bench training`: how fast a model trains, and how many cores feed it."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from videoswin.cli.parse import call
from videoswin.values import ClipSpec

if TYPE_CHECKING:
    from videoswin.bench.training import Fed, TrainingBench


def main(arguments: list[str]) -> int:
    return call(bench_training, arguments, prog="videoswin bench training")


def bench_training(
    data: str,
    *,
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384"] = "swin_t",
    frames: int = 32,
    stride: int = 2,
    side: int = 224,
    batch_size: int = 8,
    workers: tuple[int, ...] = (1, 2, 4, 8),
    precision: Literal["fp32", "bf16"] | None = None,
    compile_blocks: bool = False,
    batches: int = 20,
    warm_up: int = 3,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    time_limit: float = 540.0,
    json: bool = False,
) -> int:
    """Measure training steps on clips that are on the device already, and on those of the training loader.

    `waiting` is the share of the time in which the device had no batch to compute. The step is that of
    `videoswin train` with its default augmentation, without validation and checkpoints. Take videos such as
    you will train on, at least some dozen: the same few would be read from memory.

    Args:
        data: Videos: a folder with one subfolder per class, or a list or table as `videoswin train` takes.
        variant: Which published size.
        frames: Frames of a clip.
        stride: Video frames from one of them to the next.
        side: Height and width of a clip in pixels.
        batch_size: Clips of a step.
        workers: Numbers of loader processes to try; 0 reads between the steps.
        precision: What the forward pass is computed in. By default fp32, on a GPU bf16.
        compile_blocks: Compile the blocks, as `videoswin train --compile_blocks` does.
        batches: Timed steps of each feed.
        warm_up: Steps before them, which are not counted.
        device: cpu, cuda, or auto: a GPU where there is one.
        time_limit: Seconds after which nothing new is begun; what was left out is said. 0: none.
        json: Print one JSON object instead of a table.
    """
    from videoswin.bench.device import find_device
    from videoswin.bench.training import TrainingBenchConfig, run
    from videoswin.cli.bench.watched import watched

    found = find_device(device).type
    config = TrainingBenchConfig(
        data=data,
        variant=variant,
        clip=ClipSpec(num_frames=frames, stride=stride, size=side),
        batch_size=batch_size,
        workers=workers,
        precision=precision or ("bf16" if found == "cuda" else "fp32"),
        compile_blocks=compile_blocks,
        batches=batches,
        warm_up=warm_up,
        device=found,
        time_limit=time_limit,
    )
    result = watched(run(config))
    if json:
        print(json_text.dumps({"config": asdict(config), **_report(result)}))
        return 0
    _print(f"{variant}, {config.precision}, batches of {batch_size} x {frames}x{side}x{side}", result)
    return 0


def _report(bench: TrainingBench) -> dict[str, object]:
    return asdict(bench) | {
        "feeds": [asdict(each) | {"clips_per_second": each.clips_per_second} for each in bench.feeds],
        "enough_workers": bench.enough_workers,
        "expected_workers": bench.expected_workers,
    }


def _print(title: str, bench: TrainingBench) -> None:
    from rich.console import Console
    from rich.text import Text

    from videoswin.cli.bench.tables import new_table, rate_text

    console = Console(highlight=False)
    console.print(Text(str(bench.machine)))
    table = new_table(title, ("feed", "clips/s", "of synthetic", "waiting"), left=("feed",))
    for feed in bench.feeds:
        share = feed.clips_per_second / bench.feeds[0].clips_per_second
        table.add_row(_name(feed), rate_text(feed.clips_per_second), f"{share:.0%}", f"{feed.waiting:.1%}")
    console.print(table)
    console.print(Text(_verdict(bench)))
    for line in bench.left_out:
        console.print(Text(f"left out: {line}"))


def _name(feed: Fed) -> str:
    return "synthetic" if feed.workers is None else f"loader, {feed.workers} workers"


def _verdict(bench: TrainingBench) -> str:
    from videoswin.bench.training import FED

    if bench.enough_workers is not None:
        return f"{bench.enough_workers} workers feed it: waiting is under {FED:.0%}"
    if bench.expected_workers is None:
        return f"no number of workers was tried with which waiting is under {FED:.0%}"
    return (
        f"none of these feed it (waiting under {FED:.0%}); at this pace about {bench.expected_workers} "
        "workers would"
    )
