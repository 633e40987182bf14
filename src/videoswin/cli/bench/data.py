"""`videoswin bench data`: our decoding and loading beside its peers."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from typing import TYPE_CHECKING

from videoswin.cli.parse import call

if TYPE_CHECKING:
    from videoswin.bench.data import Arm

_TITLES = {
    "decoders": "random clip of 32 frames, stride 2, short side 256; 1 thread",
    "views": "12 test views of a video (a clip is a view)",
    "loader": "training loader against bare processes that make the same clips",
}


def main(arguments: list[str]) -> int:
    return call(bench_data, arguments, prog="videoswin bench data")


def bench_data(
    files: list[str],
    *,
    clips: int = 8,
    workers: int = 1,
    decord2: str = "",
    opencv: str = "",
    torchcodec: str = "",
    model_rate: float = 0.0,
    json: bool = False,
) -> int:
    """Measure how fast videos become clips, every decoder on the same frames, in turn.

    The frames are compared before any time is shown. Medians over the rounds; ratios are of CPU time to the
    first arm. Run it on an idle machine, on files such as you will train on.

    Args:
        files: Videos.
        clips: Random clips of each, one a round.
        workers: Processes of the loader.
        decord2: Folder with the peer (pip install --no-deps --target FOLDER decord2).
        opencv: Folder with the peer (pip install --no-deps --target FOLDER opencv-python-headless).
        torchcodec: Folder with the peer (pip install --no-deps --target FOLDER torchcodec==0.13.0); it needs
            FFmpeg's libraries on the system.
        model_rate: Clips a second that the model trains on; says how many cores it takes to feed it.
        json: Print one JSON object instead of tables.
    """
    from videoswin.bench.data import DataBenchConfig, run
    from videoswin.cli.bench.watched import watched

    config = DataBenchConfig(
        files=tuple(files),
        clips=clips,
        workers=workers,
        decord2=decord2,
        opencv=opencv,
        torchcodec=torchcodec,
    )
    result = watched(run(config))
    if json:
        cores = result.cores(model_rate)
        print(json_text.dumps({"config": asdict(config), "results": asdict(result), "cores": cores}))
        return 0
    for name, title in _TITLES.items():
        _table(title, getattr(result, name))
    if model_rate:
        print(
            f"a model that trains on {model_rate:g} clips/s keeps {result.cores(model_rate):.1f} cores busy "
            f"making clips ({1e3 * result.loader[0].cpu:.0f} ms of CPU time each)"
        )
    return 0


def _table(title: str, arms: list[Arm]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for name in ("arm", "CPU ms a clip", "times the CPU", "wall ms", "clips/s", "frames/s", "frames"):
        table.add_column(name, justify="left" if name in ("arm", "frames") else "right")
    for arm in arms:
        if not arm.cpu_seconds:
            table.add_row(arm.name, *[""] * 5, arm.note)
            continue
        table.add_row(
            arm.name,
            f"{1e3 * arm.cpu:.1f}",
            f"{arm.cpu / arms[0].cpu:.2f}",
            f"{1e3 * arm.wall:.1f}",
            f"{1 / arm.wall:.1f}",
            f"{arm.frames_a_clip / arm.wall:.0f}",
            arm.note,
        )
    Console().print(table)
