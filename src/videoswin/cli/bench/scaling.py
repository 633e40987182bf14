"""`videoswin bench scaling`: how time and memory grow with the clip."""

from __future__ import annotations

import importlib.util
import json as json_text
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from videoswin.cli.bench.sizes import size_text
from videoswin.cli.parse import call
from videoswin.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from videoswin.bench.scaling import Point, Scaling


def main(arguments: list[str]) -> int:
    return call(bench_scaling, arguments, prog="videoswin bench scaling")


def bench_scaling(
    *,
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384"] = "swin_t",
    frames: tuple[int, ...] = (8, 16, 32, 33, 64, 101, 128, 256),
    sides: tuple[int, ...] = (112, 160, 224, 225, 288, 333, 448),
    mode: Literal["inference", "training"] = "inference",
    precision: Literal["fp32", "bf16"] = "fp32",
    rounds: int = 3,
    threads: int = 0,
    picture: str = "",
    json: bool = False,
) -> int:
    """Measure one clip at many sizes in turn: frames at 224x224 pixels, sides at 32 frames.

    Time a pixel and a needed multiply-add are relative to 32x224x224: 1 is linear. Memory is that of a fresh
    process, with the weights.

    Args:
        variant: Which published size.
        frames: Frames of a clip.
        sides: Pixels of a clip's height and width.
        mode: inference or training.
        precision: What it is computed in.
        rounds: Timed rounds; the fastest counts.
        threads: CPU threads; 0 is torch's own choice.
        picture: PNG file to draw to; needs matplotlib.
        json: Print one JSON object instead of a table.
    """
    if picture and importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("the picture needs matplotlib: pip install 'videoswin[plot]'")
    from videoswin.bench.scaling import ScalingConfig, run
    from videoswin.cli.bench.watched import watched

    config = ScalingConfig(
        variant=variant,
        frames=frames,
        sides=sides,
        mode=mode,
        precision=precision,
        rounds=rounds,
        threads=threads,
    )
    result = watched(run(config))
    title = f"{variant}, {mode}, {precision}, {result.machine.threads} threads"
    if json:
        print(json_text.dumps({"config": asdict(config), **asdict(result)}))
    else:
        _print(title, result)
    if picture:
        from videoswin.bench.scaling_picture import draw_scaling

        Path(picture).write_bytes(draw_scaling(title, result))
    return 0


def _print(title: str, scaling: Scaling) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(str(scaling.machine)))
    for name, points in (("frames", scaling.over_frames), ("area", scaling.over_sides)):
        _print_table(f"{title}, over {name}", points, scaling.base, console)


def _print_table(title: str, points: list[Point], base: Point, console: Console) -> None:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for name in ("clip", "s", "time a pixel", "a multiply-add", "GB"):
        table.add_column(name, justify="left" if name == "clip" else "right", no_wrap=True)
    for point in points:
        table.add_row(
            size_text(point.size),
            f"{point.seconds:.3f}",
            f"{point.seconds_a_pixel(base):.2f}",
            f"{point.seconds_a_multiply_add(base):.2f}",
            f"{point.peak_bytes / 1e9:.2f}",
        )
    console.print(table)
