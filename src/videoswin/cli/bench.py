"""`videoswin bench model`: our model beside its peers; `videoswin bench data` is in `cli.bench_data`."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from videoswin.cli import bench_data
from videoswin.cli.parse import call

if TYPE_CHECKING:
    from videoswin.bench.model import Result


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["data"]:
        return bench_data.main(arguments[1:])
    return call(bench, arguments, prog="videoswin bench")


def bench(
    what: Literal["model"],
    *,
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384"] = "swin_t",
    clip: tuple[int, int, int] = (32, 224, 224),
    batch_size: int = 1,
    rounds: int = 5,
    threads: int = 0,
    torchvision: str = "",
    json: bool = False,
) -> int:
    """Measure inference on this CPU, every arm with the same weights and clips, in turn.

    Logits are compared before any time is shown. Medians over the rounds, with the ratio to the first arm and
    its lowest and highest value over the rounds; peak memory of a fresh process that builds the model and
    runs once. `videoswin bench data --help` explains the measurement of decoding and loading.

    Args:
        what: `model`, the whole network.
        variant: Which published size.
        clip: Frames, height and width of a clip.
        batch_size: Clips at once.
        rounds: Timed rounds, after one that is not counted.
        threads: CPU threads; 0 is torch's own choice.
        torchvision: Folder with torchvision (pip install --no-deps --target FOLDER torchvision==0.28.0) to
            measure beside; not given, only our backends run.
        json: Print one JSON object instead of a table.
    """
    import torch
    from rich.console import Console

    from videoswin.bench.model import BenchConfig, run

    config = BenchConfig(
        variant=variant,
        clip=clip,
        batch_size=batch_size,
        rounds=rounds,
        threads=threads,
        torchvision=torchvision,
    )
    results: list[Result] = []
    with Console(stderr=True).status("start") as status:
        for step, measured in run(config):
            status.update(step)
            results = measured
    threads = torch.get_num_threads()
    if json:
        rows = [asdict(result) for result in results]
        print(json_text.dumps({"config": asdict(config), "threads": threads, "results": rows}))
        return 0
    _table(f"{variant}, {batch_size} x {'x'.join(map(str, clip))}, fp32, {threads} threads", results)
    return 0


def _table(title: str, results: list[Result]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for name in ("arm", "s a batch", "times faster", "lowest", "highest", "peak GB", "logits differ by"):
        table.add_column(name, justify="left" if name == "arm" else "right")
    base = results[0]
    for result in results:
        ratios = [theirs / ours for theirs, ours in zip(base.seconds, result.seconds, strict=True)]
        table.add_row(
            result.arm,
            f"{result.median:.3f}",
            f"{base.median / result.median:.2f}",
            f"{min(ratios):.2f}",
            f"{max(ratios):.2f}",
            f"{result.peak_bytes / 1e9:.2f}",
            f"{result.logits_difference:.1e}",
        )
    Console().print(table)
