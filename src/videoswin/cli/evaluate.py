"""`videoswin evaluate WEIGHTS DATA`: accuracy on labelled videos: progress bar, summary and three files.

`videoswin evaluate --from predictions.parquet` measures kept predictions again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from videoswin.cli.parse import call, parse_values
from videoswin.errors import ConfigError, DecodeError, RankLostError, VideoSwinError, printable
from videoswin.values import Views

if TYPE_CHECKING:
    from rich.progress import Progress

    from videoswin.evaluate import EvaluateConfig, Report

MAX_LISTED_BAD = 10


def main(arguments: list[str]) -> int:
    prog = "videoswin evaluate"
    if arguments[:1] == ["--from"]:
        return call(measure_again, arguments[1:], prog=f"{prog} --from")
    from videoswin.launch import is_launched, launch

    num_processes = 1 if is_launched() else parse_values(evaluate, arguments, prog=prog).processes
    if num_processes < 1:
        raise ConfigError(f"processes is {num_processes}; allowed: 1 or more")
    from videoswin.evaluate.job import fix_arithmetic
    from videoswin.threads import share_cores

    fix_arithmetic()
    if num_processes > 1:
        share_cores(num_processes)
        return launch(["evaluate", *arguments], num_processes=num_processes)
    return call(evaluate, arguments, prog=prog)


def evaluate(
    weights: str,
    data: str,
    peer: str = "",
    views: str = "4x3",
    root: str = "",
    multi_label: bool = False,
    output: str = "evaluation",
    force: bool = False,
    processes: int = 1,
    batch_size: int = 1,
    num_workers: int = 2,
    views_per_pass: int = 4,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    compile_blocks: bool = False,
    cuda_graphs: bool = False,
) -> int:
    """Measure weights on labelled videos as the paper does: softmax of every view, then the mean over views.

    Every listed video counts exactly once; one that can't be read counts as wrong and is listed. Exit code: 0
    when all videos were read, 3 when some were not, 5 when none was. The files are the same to the byte for
    any number of processes and any batch size; `torchrun -m videoswin.cli.main evaluate ...` starts them on
    several machines. `videoswin evaluate --from predictions.parquet` gives the numbers of kept predictions
    again.

    Args:
        weights: Weights file: .safetensors of videoswin, or .pth of the official code.
        peer: Another backbone whose published weights these are, such as r3d_18 for a state dict of
            torchvision or videomae for a folder of transformers. What was trained here needs no --peer.
        data: Folder with a folder of videos a class, text with `path label` lines, or CSV with path,label.
        views: Clips in time x crops (1, 3 or 5) in space; the paper has 4x3 on Kinetics, 1x3 on
            Something-Something.
        root: Folder that relative paths of a list start from; empty: the folder of the list.
        multi_label: Rows of the same video are its classes; then mean average precision is measured.
        output: Folder for report.json, predictions.parquet and confusion.png (of videos with several classes
            average_precision.png).
        force: Overwrite a report that is in the output folder.
        processes: Processes on this machine that share the videos; each has its GPU where there are some.
        batch_size: Videos that are loaded at once; the numbers don't depend on it.
        num_workers: Processes that decode, of each of --processes; 0 decodes in the same process.
        views_per_pass: Views the model gets at once; bounds the memory.
        device: auto, cpu, cuda, cuda:1, mps ...; auto is CUDA where present, else the CPU.
        precision: How the model computes.
        compile_blocks: On CUDA: compile the blocks first (torch.compile), for many videos.
        cuda_graphs: On CUDA: record what the model launches and replay it, for passes of few views.
    """
    parsed_views = Views.parse(views)
    from videoswin.evaluate import EvaluateConfig
    from videoswin.evaluate.job import job
    from videoswin.predict import Speed

    config = EvaluateConfig(
        views=parsed_views,
        peer=peer,
        root=root,
        multi_label=multi_label,
        batch_size=batch_size,
        num_workers=num_workers,
        views_per_pass=views_per_pass,
        device=device,
        precision=precision,
        speed=Speed(compile_blocks=compile_blocks, cuda_graphs=cuda_graphs),
    )
    with job():
        try:
            return _evaluate(weights, data, config, Path(output), force=force)
        except VideoSwinError as error:
            return _said_once(error)


def _evaluate(weights: str, data: str, config: EvaluateConfig, output: Path, *, force: bool) -> int:
    from videoswin.evaluate import prepare_folder, write_report
    from videoswin.ranks import rank, world_size
    from videoswin.threads import describe

    prepare_folder(output, force=force)
    report = _run(weights, data, config)
    # Numbers first: a full disk must not take them away.
    if rank() == 0:
        _print_summary(report, computed=describe(config.num_workers, processes=world_size()))
    written = write_report(report, output)
    if rank() == 0:
        for path in written:
            print(f"wrote {printable(str(path))}")
        _list_bad(report)
    return DecodeError.exit_code if report.bad else 0


def _said_once(error: VideoSwinError) -> int:
    """The exit code of an error. One that all processes of the job have, the first says, before any leaves,
    as the launcher ends the others then. Raises it where there is no job."""
    from videoswin import ranks

    if ranks.world_size() == 1:
        raise error
    is_alone = isinstance(error, RankLostError)  # the others can't be asked
    if ranks.rank() == 0 or is_alone:
        print(f"error: {error}", file=sys.stderr, flush=True)
    if not is_alone:
        ranks.gather(None)
    return error.exit_code


def measure_again(predictions: str, output: str = "", force: bool = False) -> int:
    """Measure the predictions that an evaluation kept once more, without weights or videos.

    Args:
        predictions: predictions.parquet of `videoswin evaluate`.
        output: Folder for the files of the evaluation; empty: nothing is written.
        force: Overwrite a report that is in the output folder.
    """
    from videoswin.evaluate import prepare_folder, read_predictions, write_report

    if output:
        prepare_folder(Path(output), force=force)
    report = read_predictions(Path(predictions))
    _print_summary(report)
    for path in write_report(report, Path(output)) if output else ():
        print(f"wrote {printable(str(path))}")
    return 0


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

    from videoswin.ranks import rank

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("videos, {task.fields[rate]:.1f} clips/s,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal or rank() > 0,
        redirect_stdout=False,
    )


def _print_summary(report: Report, *, computed: str = "") -> None:
    """computed: by what, in words; empty where that is not known."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from videoswin.evaluate.multi_label import MultiLabelMetrics

    metrics = report.metrics
    low, high = metrics.top1_interval
    rows = {
        "weights": printable(report.weights),
        "data": printable(report.source),
        "videos": f"{metrics.num_evaluated} of {metrics.num_listed} evaluated, {len(report.bad)} unreadable",
        "views": f"{report.views}, {report.precision}",
        **({"cores": computed} if computed else {}),
        "top-1": f"{metrics.top1:.2%}  (95 % interval {low:.1%} to {high:.1%})",
        f"top-{metrics.top_k}": f"{metrics.top5:.2%}",
    }
    if isinstance(metrics, MultiLabelMetrics):
        rows["mean AP"] = f"{metrics.mean_average_precision:.2%}"
    else:
        rows["mean class"] = f"{metrics.mean_class_accuracy:.2%}"
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
