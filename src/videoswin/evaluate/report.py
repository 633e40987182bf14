"""The result of one evaluation, and its numbers as JSON.

It holds no times and no machine, and keys are sorted: the same weights and videos give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from videoswin.data.dataset import BadVideo
from videoswin.data.parquet import as_unicode
from videoswin.data.samples import Sample, label_array
from videoswin.evaluate.metrics import Metrics, measure
from videoswin.evaluate.multi_label import MultiLabelMetrics, label_matrix, measure_multi_label
from videoswin.values import ClipSpec, Views

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
    metrics: Metrics | MultiLabelMetrics

    @property
    def is_multi_label(self) -> bool:
        """Whether videos have several classes, each judged alone; then `sample.labels` has them."""
        return isinstance(self.metrics, MultiLabelMetrics)


def measure_samples(
    samples: Sequence[Sample], probabilities: Tensor, is_read: Tensor, *, is_multi_label: bool
) -> Metrics | MultiLabelMetrics:
    """The metrics of N samples, at least 1; probabilities (N, K), is_read (N,) bool."""
    if is_multi_label:
        num_classes = probabilities.shape[1]
        labels = label_matrix([sample.labels for sample in samples], num_classes=num_classes)
        return measure_multi_label(probabilities, labels, is_read)
    return measure(probabilities, torch.from_numpy(label_array(samples)), is_read)


def to_json(report: Report) -> str:
    """The report as a JSON object with sorted keys, one table row a line."""
    metrics = report.metrics
    entries: dict[str, Json] = {
        "bad": _bad_rows(report),
        "clip": asdict(report.clip),
        "data": as_unicode(report.source),
        "labels": list(report.labels),
        "n_evaluated": metrics.num_evaluated,
        "n_listed": metrics.num_listed,
        "precision": report.precision,
        "top1": metrics.top1,
        "top1_interval_95": list(metrics.top1_interval),
        "top5": metrics.top5,
        "top5_k": metrics.top_k,
        "views": str(report.views),
        "weights": as_unicode(report.weights),
    }
    if isinstance(metrics, MultiLabelMetrics):
        entries["classes"] = _multi_label_rows(metrics, report.labels)
        entries["mean_average_precision"] = metrics.mean_average_precision
    else:
        entries["classes"] = _class_rows(metrics, report.labels)
        entries["confusion"] = metrics.confusion.tolist()
        entries["mean_class_accuracy"] = metrics.mean_class_accuracy
    body = ",\n".join(f"  {json.dumps(key)}: {_json_table(value)}" for key, value in sorted(entries.items()))
    return f"{{\n{body}\n}}\n"


def _bad_rows(report: Report) -> list[Json]:
    rows: list[Json] = []
    for bad in report.bad:
        sample = report.samples[bad.index]
        label: Json = report.labels[sample.label]
        if report.is_multi_label:
            label = [report.labels[k] for k in sample.labels]
        rows.append(
            {
                "path": as_unicode(sample.path),
                "label": label,
                "code": bad.code,
                "reason": as_unicode(bad.reason),
            }
        )
    return rows


def _class_rows(metrics: Metrics, labels: Sequence[str]) -> list[Json]:
    """One row a class. `accuracy` is null for a class that no listed video has."""
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
        for index, label in enumerate(labels)
    ]


def _multi_label_rows(metrics: MultiLabelMetrics, labels: Sequence[str]) -> list[Json]:
    """One row a class. `average_precision` is null for a class that no listed video has."""
    return [
        {"label": label, "n_listed": listed, "average_precision": None if math.isnan(area) else area}
        for label, listed, area in zip(
            labels, metrics.listed_per_class.tolist(), metrics.average_precision.tolist(), strict=True
        )
    ]


def _json_line(value: Json) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _json_table(value: Json) -> str:
    """A list of rows is written one row a line, everything else on one line."""
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return "[\n" + ",\n".join(f"    {_json_line(row)}" for row in value) + "\n  ]"
    return _json_line(value)
