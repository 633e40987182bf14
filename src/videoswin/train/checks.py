"""The videos of a run looked at before it starts, and its data on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from videoswin.data.annotations import Annotations, Sample, read_annotations
from videoswin.data.fingerprint import fingerprint
from videoswin.data.preflight import Findings, inspect, report
from videoswin.data.rows import some
from videoswin.errors import AnnotationError
from videoswin.train.data_config import DataConfig

DATA_FILE = "data.json"


def read_source(config: DataConfig, source: str, labels: Sequence[str] = ()) -> Annotations:
    """One source of the run. Raises AnnotationError."""
    return read_annotations(
        source,
        root=config.root or None,
        labels=labels,
        label_map=config.label_map,
        multi_label=config.multi_label,
    )


def check_content(
    config: DataConfig, splits: Mapping[str, Sequence[Sample]], labels: Sequence[str], folder: Path | None
) -> None:
    """Report missing files and equal contents of the splits, and of `data.test` if it is a set of its own.

    Raises AnnotationError for a `data.test` that can't be used or has other classes than `labels`, and for
    the same content in two splits if `data.fail_on_leak` says so.
    """
    everything = dict(splits)
    if config.test not in ("", config.val):
        everything["test"] = read_source(config, config.test, labels).samples
    findings = _inspect(everything)
    report(findings, folder)
    if findings.leaks and config.fail_on_leak:
        pairs = some(f"{one} = {other}" for one, other in findings.leaks)
        raise AnnotationError(
            f"data.fail_on_leak: {len(findings.leaks)} pairs of videos in two splits have the same content: "
            f"{pairs}"
        )


def fingerprints(
    splits: Mapping[str, Sequence[Sample]], labels: Sequence[str]
) -> dict[str, dict[str, int | str]]:
    """{split: {num_samples, fingerprint}}, which a run that goes on must find again."""
    return {
        name: {"num_samples": len(samples), "fingerprint": fingerprint(samples, labels)}
        for name, samples in splits.items()
    }


def _inspect(splits: Mapping[str, Sequence[Sample]]) -> Findings:
    """With a bar on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("comparing contents"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        return inspect(splits, progress=lambda done, total: bar.update(task, completed=done, total=total))
