"""`videoswin evaluate WEIGHTS DATA`: accuracy on labelled videos: progress bar, summary and three files."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from videoswin.cli.parse import call
from videoswin.errors import DecodeError, printable
from videoswin.values import Views

if TYPE_CHECKING:
    from rich.progress import Progress

    from videoswin.evaluate import EvaluateConfig, Report

MAX_LISTED_BAD = 10


def main(arguments: list[str]) -> int:
    return call(evaluate, arguments, prog="videoswin evaluate")


def evaluate(
    weights: str,
    data: str,
    peer: str = "",
    views: str = "4x3",
    root: str = "",
    output: str = "evaluation",
    force: bool = False,
    batch_size: int = 1,
    num_workers: int = 2,
    views_per_pass: int = 4,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
) -> int:
    """Measure weights on labelled videos as the paper does: softmax of every view, then the mean over views.

    Every listed video counts exactly once; one that can't be read counts as wrong and is listed. Exit code: 0
    when all videos were read, 3 when some were not, 5 when none was.

    Args:
        weights: Weights file: .safetensors of videoswin, or .pth of the official code.
        peer: Another backbone whose published weights these are, such as r3d_18 for a state dict of
            torchvision or videomae for a folder of transformers. What was trained here needs no --peer.
        data: Folder with a folder of videos a class, text with `path label` lines, or CSV with path,label.
        views: Clips in time x crops (1, 3 or 5) in space; the paper has 4x3 on Kinetics, 1x3 on
            Something-Something.
        root: Folder that relative paths of a list start from; empty: the folder of the list.
        output: Folder for report.json, predictions.jsonl and confusion.png.
        force: Overwrite a report that is in the output folder.
        batch_size: Videos a batch; more than 1 helps when videos have few views.
        num_workers: Processes that decode; 0 decodes in the main process.
        views_per_pass: Views the model gets at once; bounds the memory.
        device: auto, cpu, cuda, cuda:1, mps ...; auto is CUDA where present, else the CPU.
        precision: How the model computes.
    """
    parsed_views = Views.parse(views)
    from videoswin.evaluate import EvaluateConfig, prepare_folder, write_report

    config = EvaluateConfig(
        views=parsed_views,
        peer=peer,
        root=root,
        batch_size=batch_size,
        num_workers=num_workers,
        views_per_pass=views_per_pass,
        device=device,
        precision=precision,
    )
    prepare_folder(Path(output), force=force)
    report = _run(weights, data, config)
    # Numbers first: a full disk must not take them away.
    _print_summary(report)
    for path in write_report(report, Path(output)):
        print(f"wrote {printable(str(path))}")
    _list_bad(report)
    return DecodeError.exit_code if report.bad else 0


def _run(weights: str, data: str, config: EvaluateConfig) -> Report:
    from videoswin.evaluate import evaluate

    start = time.perf_counter()
    with _progress_bar() as bar:
        task = bar.add_task("evaluating", total=None, rate=0.0)

        def follow(done: int, listed: int) -> None:
            rate = done * len(config.views) / (time.perf_counter() - start)
            bar.update(task, completed=done, total=listed, rate=rate)

        return evaluate(weights, data, config, progress=follow)


def _progress_bar() -> Progress:
    """Videos done, clips (views) a second and time left, on stderr and only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("videos, {task.fields[rate]:.1f} clips/s,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=False,
    )


def _print_summary(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    metrics = report.metrics
    low, high = metrics.top1_interval
    rows = {
        "weights": printable(report.weights),
        "data": printable(report.source),
        "videos": f"{metrics.num_evaluated} of {metrics.num_listed} evaluated, {len(report.bad)} unreadable",
        "views": f"{report.views}, {report.precision}",
        "top-1": f"{metrics.top1:.2%}  (95 % interval {low:.1%} to {high:.1%})",
        f"top-{metrics.top_k}": f"{metrics.top5:.2%}",
        "mean class": f"{metrics.mean_class_accuracy:.2%}",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(name, Text(text))
    Console(highlight=False).print(table)


def _list_bad(report: Report) -> None:
    for bad in report.bad[:MAX_LISTED_BAD]:
        print(f"error: [{bad.code}] {printable(bad.path)}: {bad.reason}", file=sys.stderr)
    if len(report.bad) > MAX_LISTED_BAD:
        print(f"... and {len(report.bad) - MAX_LISTED_BAD} more, listed in the report", file=sys.stderr)
