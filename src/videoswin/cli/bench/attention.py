"""`videoswin bench attention`: the operator alone."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Literal

from videoswin.cli.bench.sizes import parse_sizes
from videoswin.cli.parse import call

if TYPE_CHECKING:
    from videoswin.bench.attention import AttentionBench, AttentionResult

COLUMNS = ("arm", "ms", "lowest", "highest", "times faster", "TFLOP/s", "peak", "GB", "error")


def main(arguments: list[str]) -> int:
    return call(bench_attention, arguments, prog="videoswin bench attention")


def bench_attention(
    *,
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384"] = "swin_t",
    size: str = "32x224x224",
    batch_size: int = 1,
    precision: Literal["fp32", "bf16", "fp16"] | None = None,
    passes: tuple[Literal["forward", "backward"], ...] = ("forward", "backward"),
    arms: tuple[str, ...] | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    rounds: int = 5,
    threads: int = 0,
    time_limit: float = 540.0,
    json: bool = False,
) -> int:
    """Measure window attention alone at every shape of a network, every backend in turn.

    Before anything is timed, outputs (forward) or gradients of one clip are compared with the float64
    reference: `error` is relative, in the Euclidean norm. TFLOP/s are useful ones: of pairs of tokens that
    see each other, 4 d operations a pair forward and 10 d backward, whatever a backend computes. `flex` is
    torch's FlexAttention (forward only), `plain` the fused kernel of torch without windows, bias or mask:
    what nothing built on it can beat.

    Args:
        variant: Which published size; every stage, regular and shifted, is a shape.
        size: Clip, frames by height by width.
        batch_size: Clips at once.
        precision: Of the tokens; the bias table is fp32. By default fp32, on a GPU bf16.
        passes: forward, backward (forward and backward together), or both.
        arms: Backends, flex or plain; by default all that run on the device.
        device: cpu, cuda, or auto: a GPU where there is one.
        rounds: Timed rounds.
        threads: CPU threads; 0 is torch's own choice.
        time_limit: Seconds after which nothing new is begun; what was left out is said. 0: none.
        json: Print one JSON object instead of tables.
    """
    from videoswin.bench.attention import AttentionBenchConfig, run
    from videoswin.bench.device import find_device
    from videoswin.cli.bench.watched import watched

    found = find_device(device).type
    config = AttentionBenchConfig(
        variant=variant,
        size=parse_sizes((size,))[0],
        batch_size=batch_size,
        precision=precision or ("bf16" if found == "cuda" else "fp32"),
        passes=passes,
        arms=arms,
        device=found,
        rounds=rounds,
        threads=threads,
        time_limit=time_limit,
    )
    result = watched(run(config))
    if json:
        results = [
            asdict(each) | {"operations_per_second": each.operations_per_second} for each in result.results
        ]
        print(json_text.dumps({"config": asdict(config), **asdict(result), "results": results}))
        return 0
    _print(f"{variant}, {config.precision}, {batch_size} clips", result)
    return 0


def _print(title: str, bench: AttentionBench) -> None:
    from rich.console import Console
    from rich.text import Text

    from videoswin.bench.roofline import SIDE
    from videoswin.cli.bench.tables import WIDTH, new_table

    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    console.print(Text(str(bench.machine)))
    for (shape, passes), group in groupby(bench.results, key=lambda each: (each.shape, each.passes)):
        results = list(group)
        what = "forward" if passes == "forward" else "forward and backward"
        table = new_table(f"{title}: {shape}, {what}", COLUMNS, left=("arm",))
        for result in results:
            table.add_row(*_row(result, results[0]))
        console.print(table)
    side = SIDE[bench.device]
    console.print(
        Text(f"peak: {side} x {side} matrix products in these rounds, {bench.peak / 1e9:.0f} G a second")
    )
    for line in bench.left_out:
        console.print(Text(f"left out: {line}"))


def _row(result: AttentionResult, first: AttentionResult) -> list[str]:
    ratios = [theirs / own for theirs, own in zip(first.seconds, result.seconds, strict=True)]
    return [
        result.arm,
        *(f"{1e3 * seconds:.3f}" for seconds in (result.median, min(result.seconds), max(result.seconds))),
        f"{median(ratios):.2f}",
        f"{result.operations_per_second / 1e12:.3g}",
        f"{median(result.shares):.0%}",
        "" if result.peak_bytes is None else f"{result.peak_bytes / 1e9:.3f}",
        "" if result.error is None else f"{result.error:.1e}",
    ]
