"""What an evaluation keeps of every video: a Parquet table from which all its numbers follow again.

One row a listed video, in listed order: path, segment, label (of multi-label videos the list of them),
predicted (the most probable class), code and reason of one that could not be read, probabilities (float32,
in the order of the labels). What is true of all rows is JSON in the table's metadata, `METADATA`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from videoswin.data.dataset import BadVideo
from videoswin.data.parquet import as_unicode
from videoswin.data.samples import Sample
from videoswin.data.segments import Segment
from videoswin.errors import ConfigError, printable
from videoswin.evaluate.metrics import predicted_classes
from videoswin.evaluate.report import Report, measure_samples
from videoswin.packages import require
from videoswin.values import ClipSpec, Views

if TYPE_CHECKING:
    import pyarrow

METADATA = b"videoswin"
VERSION = 1


def require_pyarrow() -> None:
    """Raise ConfigError where it is missing."""
    require(("pyarrow",), purpose="keeping the predictions of an evaluation", extra="evaluate")


def to_parquet(report: Report) -> bytes:
    """The predictions of a report as a Parquet file. The same report gives the same bytes.

    Names that are no Unicode are escaped.
    """
    require_pyarrow()
    import pyarrow
    import pyarrow.parquet

    samples, labels = report.samples, report.labels
    bad_at = {bad.index: bad for bad in report.bad}
    bad_of = [bad_at.get(index) for index in range(len(samples))]
    predicted = predicted_classes(report.probabilities).tolist()
    named = [None if bad else as_unicode(labels[k]) for k, bad in zip(predicted, bad_of, strict=True)]
    columns = {
        "path": pyarrow.array([as_unicode(sample.path) for sample in samples], pyarrow.string()),
        "segment": _segments(samples),
        "label": _label_column(report),
        "predicted": pyarrow.array(named, pyarrow.string()),
        "code": pyarrow.array([bad and bad.code for bad in bad_of], pyarrow.string()),
        "reason": pyarrow.array([bad and as_unicode(bad.reason) for bad in bad_of], pyarrow.string()),
        "probabilities": _probability_column(report.probabilities, [bad is not None for bad in bad_of]),
    }
    table = pyarrow.table(columns).replace_schema_metadata({METADATA: json.dumps(_facts(report))})
    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content, compression="zstd")
    return content.getvalue()


def read_predictions(path: Path) -> Report:
    """The report that the predictions of an evaluation are of, measured again.

    path: predictions.parquet. Raises ConfigError for a file that can't be read or is something else.
    """
    require_pyarrow()
    import pyarrow
    import pyarrow.parquet

    name = printable(str(path))
    try:
        table = pyarrow.parquet.read_table(path)
        facts = json.loads((table.schema.metadata or {})[METADATA])
        if facts["version"] != VERSION:
            raise ConfigError(f"{name}: needs another videoswin: version {facts['version']}, not {VERSION}")
        return _report(facts, table)
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror or error}") from error
    except (pyarrow.ArrowException, KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{name}: not the predictions of an evaluation: {error!r}") from error


def _facts(report: Report) -> dict[str, Any]:
    return {
        "version": VERSION,
        "weights": as_unicode(report.weights),
        "data": as_unicode(report.source),
        "views": str(report.views),
        "clip": asdict(report.clip),
        "precision": report.precision,
        "labels": [as_unicode(label) for label in report.labels],
        "multi_label": report.is_multi_label,
    }


def _report(facts: dict[str, Any], table: pyarrow.Table) -> Report:
    labels = tuple(facts["labels"])
    samples = _samples(table, labels, is_multi_label=facts["multi_label"])
    codes, reasons = table["code"].to_pylist(), table["reason"].to_pylist()
    bad = tuple(
        BadVideo(index=row, path=sample.path, label=sample.label, code=codes[row], reason=reasons[row])
        for row, sample in enumerate(samples)
        if codes[row] is not None
    )
    probabilities = torch.zeros(len(samples), len(labels))
    is_read = torch.tensor([code is None for code in codes], dtype=torch.bool)
    read = table["probabilities"].combine_chunks().drop_null().flatten().to_numpy(zero_copy_only=False)
    probabilities[is_read] = torch.tensor(read).view(-1, len(labels))
    return Report(
        weights=facts["weights"],
        source=facts["data"],
        views=Views.parse(facts["views"]),
        clip=ClipSpec(**facts["clip"]),
        precision=facts["precision"],
        labels=labels,
        samples=samples,
        probabilities=probabilities,
        bad=bad,
        metrics=measure_samples(samples, probabilities, is_read, is_multi_label=facts["multi_label"]),
    )


def _samples(table: pyarrow.Table, labels: Sequence[str], *, is_multi_label: bool) -> tuple[Sample, ...]:
    number_of = {label: number for number, label in enumerate(labels)}
    samples = []
    for path, segment, label in zip(
        *(table[name].to_pylist() for name in ("path", "segment", "label")), strict=True
    ):
        numbers = tuple(number_of[name] for name in (label if is_multi_label else [label]))
        samples.append(
            Sample(
                path=path,
                file=Path(path),
                label=numbers[0],
                labels=numbers if is_multi_label else (),
                segment=None if segment is None else Segment(**segment),
            )
        )
    return tuple(samples)


def _segments(samples: Sequence[Sample]) -> pyarrow.Array:
    import pyarrow

    kind = pyarrow.struct(
        [("start", pyarrow.float64()), ("stop", pyarrow.float64()), ("unit", pyarrow.string())]
    )
    return pyarrow.array([sample.segment and asdict(sample.segment) for sample in samples], kind)


def _label_column(report: Report) -> pyarrow.Array:
    import pyarrow

    names = [as_unicode(label) for label in report.labels]
    if report.is_multi_label:
        lists = [[names[k] for k in sample.labels] for sample in report.samples]
        return pyarrow.array(lists, pyarrow.list_(pyarrow.string()))
    return pyarrow.array([names[sample.label] for sample in report.samples], pyarrow.string())


def _probability_column(probabilities: Tensor, is_bad: Sequence[bool]) -> pyarrow.Array:
    import pyarrow

    flat = pyarrow.array(probabilities.flatten().numpy())
    return pyarrow.FixedSizeListArray.from_arrays(
        flat, probabilities.shape[1], mask=pyarrow.array(is_bad, pyarrow.bool_())
    )
