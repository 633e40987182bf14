"""The classes of a validation: a row each, and where the clips of each went."""

from __future__ import annotations

import math
from html import escape
from typing import NamedTuple

from videoswin.data import film
from videoswin.data.samples import label_array
from videoswin.errors import printable
from videoswin.evaluate.metrics import Metrics, measure
from videoswin.evaluate.multi_label import label_matrix, measure_multi_label
from videoswin.evaluate.picture import draw_confusion
from videoswin.train.report.clips import classes_of
from videoswin.train.report.validation import Validation


class ClassRow(NamedTuple):
    """What became of the videos of one class."""

    label: str
    num_listed: int
    share: float
    """Right ones of those listed; where videos have several classes, the average precision. NaN without a
    video."""
    taken_for: str
    """The class that its wrong ones were most often taken for, and how often; empty without any."""


def class_section(validation: Validation) -> str:
    """The confusion picture, where a video has one class, and a table with the hardest class first."""
    if validation.is_multi_label:
        return f"<h2>Classes</h2>{_table(multi_label_rows(validation), 'average precision')}"
    metrics = single_label_metrics(validation)
    title = f"validation, top-1 {metrics.top1:.1%} of {metrics.num_listed} videos"
    picture = film.data_uri(
        "image/png", draw_confusion(metrics.confusion.numpy(), validation.labels, title=title)
    )
    image = f'<img class="matrix" alt="confusion matrix" src="{picture}">'
    table = _table(class_rows(validation, metrics), "right")
    return f'<h2>Classes</h2><figure class="card">{image}</figure>{table}'


def single_label_metrics(validation: Validation) -> Metrics:
    """Of all listed videos, unread ones counted as wrong."""
    probabilities, is_read = validation.of_all()
    labels = validation.indices.new_tensor(label_array(validation.samples))
    return measure(probabilities, labels, is_read)


def class_rows(validation: Validation, metrics: Metrics) -> list[ClassRow]:
    """Ascending by share; classes without a video last."""
    rows = []
    listed = metrics.listed_per_class.tolist()
    for index, (label, counts) in enumerate(zip(validation.labels, metrics.confusion.tolist(), strict=True)):
        share = counts[index] / listed[index] if listed[index] else math.nan
        counts[index] = 0
        worst = max(range(len(counts)), key=counts.__getitem__)
        taken_for = f"{validation.labels[worst]} ({counts[worst]})" if counts[worst] else ""
        rows.append(ClassRow(label, listed[index], share, taken_for))
    return _hardest_first(rows)


def multi_label_rows(validation: Validation) -> list[ClassRow]:
    """Ascending by average precision; classes without a video last."""
    probabilities, is_read = validation.of_all()
    own = label_matrix([classes_of(s) for s in validation.samples], num_classes=len(validation.labels))
    metrics = measure_multi_label(probabilities, own, is_read)
    columns = (validation.labels, metrics.listed_per_class.tolist(), metrics.average_precision.tolist())
    return _hardest_first([ClassRow(*row, "") for row in zip(*columns, strict=True)])


def _hardest_first(rows: list[ClassRow]) -> list[ClassRow]:
    return sorted(rows, key=lambda row: (math.isnan(row.share), row.share))


def _table(rows: list[ClassRow], measured: str) -> str:
    body = "".join(
        f'<tr><td>{escape(printable(row.label))}</td><td class="number">{row.num_listed}</td>'
        f'<td class="number">{"" if math.isnan(row.share) else f"{row.share:.1%}"}</td>'
        f"<td>{escape(printable(row.taken_for))}</td></tr>"
        for row in rows
    )
    numbers = f'<th class="number">videos</th><th class="number">{measured}</th>'
    head = f"<tr><th>class</th>{numbers}<th>most often taken for</th></tr>"
    return f'<div class="card scroll"><table>{head}{body}</table></div>'
