"""`videoswin compare A B`: what changed from one evaluation to another of the same videos."""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoswin.cli.parse import call
from videoswin.errors import ConfigError, StorageError, printable

if TYPE_CHECKING:
    from videoswin.evaluate.compare import ClassChange, Comparison, VideoChange

JSON_NAME = "compare.json"
PICTURE_NAME = "compare.png"


def main(arguments: list[str]) -> int:
    return call(compare, arguments, prog="videoswin compare")


def compare(
    runs: list[str],
    output: str = "",
    force: bool = False,
    classes: int = 10,
    videos: int = 5,
    json: bool = False,
) -> int:
    """Compare evaluations of the same videos: the first is what the others are held against.

    Top-1 and what else each measured; how many videos only one of two names right, and how likely that split
    were by chance (exact McNemar test); the classes that changed most; the videos that became wrong or right.

    Args:
        runs: Two or more folders of `videoswin evaluate`, or their predictions.parquet.
        output: Folder for compare.json, with everything, and compare.png. Empty: nothing is written.
        force: Overwrite a comparison that is in the output folder.
        classes: How many classes to print, those that changed most.
        videos: How many videos to print that became wrong, and as many that became right.
        json: Print compare.json instead of tables.
    """
    if len(runs) < 2:
        raise ConfigError(f"{len(runs)} evaluation is named; allowed: 2 or more to compare")
    if classes < 0 or videos < 0:
        raise ConfigError(f"classes is {classes}, videos is {videos}; allowed: 0 or more")
    if output and (Path(output) / JSON_NAME).exists() and not force:
        raise ConfigError(f"{printable(output)} holds a comparison already; overwrite it with --force")
    comparisons = _compare(runs)
    text = json_format.dumps(_as_json(runs, comparisons), indent=2)
    if json:
        print(text)
    else:
        _print_runs(runs, comparisons)
        for run, comparison in zip(runs[1:], comparisons, strict=True):
            _print_changes(run, comparison, num_classes=classes, num_videos=videos)
    if output:
        _write(Path(output), text, runs, comparisons, is_quiet=json)
    return 0


def _compare(runs: Sequence[str]) -> list[Comparison]:
    """All but the first run against the first."""
    from videoswin.evaluate import read_predictions
    from videoswin.evaluate.compare import compare as compare_two

    first, *others = [read_predictions(_predictions(run)) for run in runs]
    comparisons = []
    for run, other in zip(runs[1:], others, strict=True):
        try:
            comparisons.append(compare_two(first, other))
        except ConfigError as error:
            raise ConfigError(f"{printable(runs[0])} and {printable(run)}: {error}") from error
    return comparisons


def _predictions(run: str) -> Path:
    from videoswin.evaluate.output import PREDICTIONS_NAME

    path = Path(run)
    if not path.is_dir():
        return path
    if not (path / PREDICTIONS_NAME).exists():
        raise ConfigError(
            f"{printable(run)} holds no {PREDICTIONS_NAME}; allowed: the output of videoswin evaluate"
        )
    return path / PREDICTIONS_NAME


def _as_json(runs: Sequence[str], comparisons: Sequence[Comparison]) -> dict[str, Any]:
    from videoswin.evaluate.report import to_json

    reports = [comparisons[0].first, *(comparison.second for comparison in comparisons)]
    kept = (
        "weights",
        "data",
        "views",
        "n_listed",
        "n_evaluated",
        "top1",
        "top1_interval_95",
        "top5",
        "top5_k",
    )
    only_some = ("mean_class_accuracy", "mean_average_precision")
    return {
        "runs": [
            {"run": printable(run)} | {key: full[key] for key in (*kept, *only_some) if key in full}
            for run, full in zip(
                runs, (json_format.loads(to_json(report)) for report in reports), strict=True
            )
        ],
        "comparisons": [
            {
                "first": printable(runs[0]),
                "second": printable(run),
                "agreement": asdict(comparison.agreement) | {"p_value": comparison.agreement.p_value},
                "classes": [asdict(change) | {"change": change.change} for change in comparison.classes],
                "lost": [asdict(change) for change in comparison.lost],
                "gained": [asdict(change) for change in comparison.gained],
            }
            for run, comparison in zip(runs[1:], comparisons, strict=True)
        ],
    }


def _write(
    output: Path, text: str, runs: Sequence[str], comparisons: Sequence[Comparison], *, is_quiet: bool
) -> None:
    from videoswin.evaluate.compare_picture import draw_comparisons
    from videoswin.storage import write_atomically

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write to {printable(str(output))}: {error.strerror}") from error
    picture = draw_comparisons(comparisons, [(runs[0], run) for run in runs[1:]])
    for name, content in ((PICTURE_NAME, picture), (JSON_NAME, f"{text}\n".encode("ascii"))):
        write_atomically(output / name, content)
        if not is_quiet:
            print(f"wrote {printable(str(output / name))}")


def _print_runs(runs: Sequence[str], comparisons: Sequence[Comparison]) -> None:
    """A row a run: what it measured, and how it stands to the first."""
    from videoswin.evaluate.multi_label import MultiLabelMetrics

    rows = []
    reports = [comparisons[0].first, *(comparison.second for comparison in comparisons)]
    base = reports[0].metrics
    for index, (run, report) in enumerate(zip(runs, reports, strict=True)):
        metrics = report.metrics
        share = (
            metrics.mean_average_precision
            if isinstance(metrics, MultiLabelMetrics)
            else metrics.mean_class_accuracy
        )
        row = [printable(run), f"{metrics.top1:.2%}", f"{metrics.top5:.2%}", f"{share:.2%}"]
        if index == 0:
            row += ["", "", "", ""]
        else:
            agreement = comparisons[index - 1].agreement
            change = 100 * (metrics.top1 - base.top1)
            p_value = f"{agreement.p_value:.2g}"
            row += [f"{change:+.2f}", str(agreement.only_first), str(agreement.only_second), p_value]
        rows.append(row)
    is_multi_label = isinstance(base, MultiLabelMetrics)
    headings = ("run", "top-1", f"top-{base.top_k}", "mean AP" if is_multi_label else "mean class")
    _print_table((*headings, "change", "became wrong", "became right", "McNemar p"), rows, num_texts=1)


def _print_changes(run: str, comparison: Comparison, *, num_classes: int, num_videos: int) -> None:
    if num_classes:
        print(f"\n{printable(run)}: the classes that changed most")
        rows = [_class_cells(change) for change in comparison.classes[:num_classes]]
        _print_table(("class", "videos", "before", "after", "change"), rows, num_texts=1)
    for what, changes in (("wrong", comparison.lost), ("right", comparison.gained)):
        if num_videos and changes:
            print(f"\n{printable(run)}: {min(num_videos, len(changes))} of {len(changes)} that became {what}")
            rows = [_video_cells(change) for change in changes[:num_videos]]
            _print_table(("video", "class", "before", "after", "p before", "p after"), rows, num_texts=4)


def _class_cells(change: ClassChange) -> list[str]:
    shares = (f"{change.first:.1%}", f"{change.second:.1%}", f"{100 * change.change:+.1f}")
    return [printable(change.label), str(change.num_videos), *shares]


def _video_cells(change: VideoChange) -> list[str]:
    place = f"{change.path} {change.segment}".strip()
    named = [name or "(not read)" for name in (change.predicted_first, change.predicted_second)]
    texts = [printable(text) for text in (place, change.label, *named)]
    return [*texts, f"{change.first:.3f}", f"{change.second:.3f}"]


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, num_texts: int) -> None:
    """The first `num_texts` columns are text, the others numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index < num_texts else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # a plain string would be read as markup
    Console(highlight=False).print(table)
