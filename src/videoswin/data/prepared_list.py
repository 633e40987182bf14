"""The list of labels of a prepared archive: what `videoswin train --data.train FOLDER/prepared.csv` reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from videoswin.data.annotations import Annotations
from videoswin.data.prepare import ManifestRow
from videoswin.data.samples import Sample
from videoswin.data.segments import Unit

_BOUNDS: dict[Unit, tuple[str, str]] = {
    "frames": ("start_frame", "end_frame"),
    "seconds": ("start_seconds", "end_seconds"),
}


def listed_csv(annotations: Annotations, prepared: Mapping[str, ManifestRow]) -> bytes:
    """The samples whose videos could be prepared, with the same classes and segments, in the same order."""
    unit = next((sample.segment.unit for sample in annotations.samples if sample.segment), None)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    ids = _has_own_ids(annotations)
    header = ["path", "label", *(["label_id"] if ids else [])]
    writer.writerow(header + (list(_BOUNDS[unit]) if unit else []))
    for sample in annotations.samples:
        row = prepared[str(sample.file)]
        if row.output:
            label = [label_of(sample, annotations.labels), *([str(sample.label)] if ids else [])]
            writer.writerow([row.output, *label, *(_bounds(sample) if unit else [])])
    return text.getvalue().encode()


def label_of(sample: Sample, labels: tuple[str, ...]) -> str:
    """The name of the class, or the names of all classes with `|` between them."""
    return "|".join(labels[label] for label in sample.labels or (sample.label,))


def _has_own_ids(annotations: Annotations) -> bool:
    """Whether the numbers of the classes must be written beside their names."""
    are_numbers = annotations.labels == tuple(map(str, range(len(annotations.labels))))
    return not are_numbers and not any(sample.labels for sample in annotations.samples)


def _bounds(sample: Sample) -> list[str]:
    if sample.segment is None:
        return ["", ""]
    return [f"{bound:.12g}" for bound in (sample.segment.start, sample.segment.stop)]
