"""`videoswin predict WEIGHTS VIDEO...`: the most probable actions of each video, as tables or JSON Lines."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterator
from typing import Literal

from videoswin.cli.parse import call
from videoswin.errors import ConfigError, DecodeError, printable
from videoswin.values import Prediction, Views


def main(arguments: list[str]) -> int:
    return call(predict, arguments, prog="videoswin predict")


def predict(
    weights: str,
    videos: list[str],
    views: str = "4x3",
    top: int = 5,
    json: bool = False,
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    untrusted: bool = False,
    compile_blocks: bool = False,
    cuda_graphs: bool = False,
) -> int:
    """Name the action in video files, or in all videos below a folder.

    A video that can't be used gets one line on stderr and the others go on. Exit code: 0 when every video was
    used, 3 when some were not, 4 when the weights are refused.

    Args:
        weights: Weights file: .safetensors of videoswin, or .pth of the official code.
        videos: Video files, and folders whose videos are all taken, in the order of their names.
        views: Clips in time x crops in space, whose probabilities are averaged; crops are 1, 3 or 5.
        top: How many classes to show.
        json: Print one JSON object a video instead of tables.
        device: auto, cpu, cuda, cuda:1, mps ...; auto is CUDA where present, else the CPU.
        precision: How the model computes; auto is bf16 where the device is made for it and the first video
            gets the same classes as in fp32, else fp32, and says so on stderr.
        untrusted: For videos of strangers: decode each in a process of its own that may write no file and has
            limits of memory and time; if it crashes, that is the fault of one video. Linux.
        compile_blocks: On CUDA: compile the blocks first (torch.compile), for many videos.
        cuda_graphs: On CUDA: record what the model launches and replay it, for passes of few views.
    """
    if top < 1:
        raise ConfigError(f"top is {top}; allowed: 1 or more")
    parsed_views = Views.parse(views)
    from videoswin.data.inputs import list_videos
    from videoswin.predict import Predictor, Speed

    paths = list_videos(videos)
    predictor = Predictor(
        weights,
        views=parsed_views,
        device=device,
        precision=precision,
        untrusted=untrusted,
        speed=Speed(compile_blocks=compile_blocks, cuda_graphs=cuda_graphs),
    )
    num_bad, reason = 0, ""
    for prediction in _with_progress(predictor.each(paths), total=len(paths)):
        if isinstance(prediction, DecodeError):
            num_bad += 1
            print(f"error: {prediction}", file=sys.stderr)
            if json:
                error = {"code": prediction.code, "reason": prediction.reason}
                _print_json({"path": prediction.path, "error": error})
            continue
        if predictor.precision_reason != reason:
            reason = predictor.precision_reason
            print(reason, file=sys.stderr)
        if json:
            _print_json(_json_row(prediction, top=top))
        else:
            _print_table(prediction, top=top)
    if num_bad and len(paths) > 1:
        print(f"{num_bad} of {len(paths)} videos could not be used", file=sys.stderr)
    return DecodeError.exit_code if num_bad else 0


def _with_progress(
    results: Iterator[Prediction | DecodeError], *, total: int
) -> Iterator[Prediction | DecodeError]:
    """The results, followed by a bar on stderr unless they themselves appear on the terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    is_shown = total > 1 and console.is_terminal and not sys.stdout.isatty()
    # Rich would send stdout to stderr, too.
    with Progress(console=console, disable=not is_shown, redirect_stdout=False) as progress:
        yield from progress.track(results, total=total, description="predicting")


def _json_row(prediction: Prediction, *, top: int) -> dict[str, object]:
    return {
        "path": prediction.path,
        "predictions": [{"label": label, "probability": share} for label, share in prediction.top(top)],
        "views": str(prediction.views),
        "seconds": {part: round(seconds, 3) for part, seconds in prediction.seconds.items()},
    }


def _print_json(row: dict[str, object]) -> None:
    # ASCII, so names that are not valid UTF-8 come back whole. Flushed: a reader sees each video when done.
    print(json_format.dumps(row), flush=True)


def _print_table(prediction: Prediction, *, top: int) -> None:
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    seconds = ", ".join(f"{part} {spent:.2f} s" for part, spent in prediction.seconds.items())
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for label, share in prediction.top(top):
        table.add_row(Text(printable(label)), f"{share:.1%}", Bar(size=1, begin=0, end=share, width=24))
    console = Console(highlight=False)
    title = Text(printable(prediction.path), style="bold", overflow="fold")
    console.print(title, Text(f"  {prediction.views} views, {seconds}", style="dim"), table, "", sep="\n")
