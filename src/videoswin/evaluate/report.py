"""The result of one evaluation, and its files: numbers (JSON), predictions (JSON Lines), confusion picture.

The files hold no times and no machine, and keys are sorted: the same weights and videos give the same bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from videoswin.data.annotations import Sample
from videoswin.data.dataset import BadVideo
from videoswin.errors import ConfigError, StorageError, printable
from videoswin.evaluate.metrics import Metrics, predicted_classes
from videoswin.evaluate.picture import draw_confusion, require_matplotlib
from videoswin.storage import write_atomically
from videoswin.values import ClipSpec, Views

REPORT_NAME = "report.json"
PREDICTIONS_NAME = "predictions.jsonl"
PICTURE_NAME = "confusion.png"

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Report:
    """Everything one evaluation found out.

    samples are the N listed videos in their listed order; probabilities is (N, K) float32, with rows of zeros
    for the videos in `bad`; label ids index `labels` (K names).
    """

    weights: str
    source: str
    views: Views
    clip: ClipSpec
    precision: str
    labels: tuple[str, ...]
    samples: Sequence[Sample]
    probabilities: Tensor
    bad: tuple[BadVideo, ...]
    metrics: Metrics


def prepare_folder(folder: Path, *, force: bool) -> None:
    """Make the output folder, and see before the work starts that its three files can be written.

    Raises ConfigError when it is no folder, holds a report already (and `force` is not set) or matplotlib is
    missing, StorageError when nothing can be written there.
    """
    require_matplotlib()
    name = printable(str(folder))
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{name} is not a folder; name another one for the output")
    if (folder / REPORT_NAME).exists() and not force:
        raise ConfigError(
            f"{name} holds a report already; choose another --output or overwrite it with --force"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise StorageError(f"cannot write to {name}: {error.strerror}") from error


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write the three files into an existing folder, the report last, and name them. Raises StorageError."""
    rows = "".join(_json_line(row) + "\n" for row in _prediction_rows(report))
    metrics = report.metrics
    title = f"top-1 {metrics.top1:.1%} of {metrics.num_listed} videos"
    contents = {
        PREDICTIONS_NAME: rows.encode("ascii"),
        PICTURE_NAME: draw_confusion(metrics.confusion.numpy(), report.labels, title=title),
        REPORT_NAME: to_json(report).encode("ascii"),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return tuple(folder / name for name in contents)


def to_json(report: Report) -> str:
    """The report as a JSON object with sorted keys, one table row a line."""
    metrics = report.metrics
    entries: dict[str, Json] = {
        "bad": [
            {
                "path": report.samples[bad.index].path,
                "label": report.labels[bad.label],
                "code": bad.code,
                "reason": bad.reason,
            }
            for bad in report.bad
        ],
        "classes": _class_rows(report),
        "clip": asdict(report.clip),
        "confusion": metrics.confusion.tolist(),
        "data": report.source,
        "labels": list(report.labels),
        "mean_class_accuracy": metrics.mean_class_accuracy,
        "n_evaluated": metrics.num_evaluated,
        "n_listed": metrics.num_listed,
        "precision": report.precision,
        "top1": metrics.top1,
        "top1_interval_95": list(metrics.top1_interval),
        "top5": metrics.top5,
        "top5_k": metrics.top_k,
        "views": str(report.views),
        "weights": report.weights,
    }
    body = ",\n".join(f"  {json.dumps(key)}: {_json_table(value)}" for key, value in sorted(entries.items()))
    return f"{{\n{body}\n}}\n"


def _class_rows(report: Report) -> list[Json]:
    """One row a class. `accuracy` is null for a class that no listed video has."""
    metrics = report.metrics
    evaluated = metrics.confusion.sum(dim=1).tolist()
    correct = metrics.confusion.diagonal().tolist()
    listed = metrics.listed_per_class.tolist()
    return [
        {
            "label": label,
            "n_listed": listed[index],
            "n_evaluated": evaluated[index],
            "n_correct": correct[index],
            "accuracy": correct[index] / listed[index] if listed[index] else None,
        }
        for index, label in enumerate(report.labels)
    ]


def _prediction_rows(report: Report) -> Iterator[dict[str, Json]]:
    """One row a listed video, in listed order; probabilities in the order of the labels. Only a row of a
    segment says which."""
    bad_of = {bad.index: bad for bad in report.bad}
    predicted = predicted_classes(report.probabilities).tolist()
    for index, sample in enumerate(report.samples):
        row: dict[str, Json] = {"path": sample.path, "label": report.labels[sample.label]}
        if sample.segment is not None:
            row |= {"segment": str(sample.segment)}
        if index in bad_of:
            error: dict[str, Json] = {"code": bad_of[index].code, "reason": bad_of[index].reason}
            yield row | {"predicted": None, "probabilities": None, "error": error}
        else:
            # The shortest digits that give the float32 back: 0.7, not 0.699999988079071.
            shares: list[Json] = [float(str(share)) for share in report.probabilities[index].numpy()]
            yield row | {"predicted": report.labels[predicted[index]], "probabilities": shares}


def _json_line(value: Json) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _json_table(value: Json) -> str:
    """A list of rows is written one row a line, everything else on one line."""
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return "[\n" + ",\n".join(f"    {_json_line(row)}" for row in value) + "\n  ]"
    return _json_line(value)
