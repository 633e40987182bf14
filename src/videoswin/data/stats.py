"""What a data set consists of: classes, durations, sizes, frame rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoswin.data.annotations import Annotations
from videoswin.data.check import CheckRow
from videoswin.data.samples import segment_classes

PERCENTILES = (0, 5, 25, 50, 75, 95, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Counts of one data set. Facts are of the videos that can be used."""

    num_videos: int
    """Files listed, each once."""
    num_bad: int
    """Files among them that can't be used."""
    num_samples: int
    """Labelled samples: more than the videos where these have segments. 0 without labels."""
    classes: Mapping[str, int]
    """Samples of each class in the order of the class numbers, also of those without any."""
    total_seconds: float
    seconds: tuple[float, ...]
    """Duration of each video that has one, ascending."""
    num_frames: tuple[int, ...]
    """Of each video where it is known, ascending."""
    sizes: Mapping[str, int]
    """Videos of each WIDTHxHEIGHT, upright, the most frequent first; so the others."""
    frame_rates: Mapping[str, int]
    formats: Mapping[str, int]
    """Container and codec."""


def summarize(rows: Sequence[CheckRow], annotations: Annotations | None) -> Statistics:
    """Statistics of these files, and of the labels where there are any."""
    good = [row for row in rows if row.verdict != "refused"]
    seconds = sorted(row.seconds for row in good if row.seconds)
    frames = (row.decoded_frames or row.declared_frames for row in good)
    return Statistics(
        num_videos=len(rows),
        num_bad=len(rows) - len(good),
        num_samples=0 if annotations is None else len(annotations.samples),
        classes={} if annotations is None else count_classes(annotations),
        total_seconds=float(sum(seconds)),
        seconds=tuple(seconds),
        num_frames=tuple(sorted(number for number in frames if number)),
        sizes=_ranked(f"{row.width}x{row.height}" for row in good),
        frame_rates=_ranked(f"{row.frames_per_second:.4g}" for row in good if row.frames_per_second),
        formats=_ranked(f"{row.container} {row.codec}" for row in good),
    )


def count_classes(annotations: Annotations) -> dict[str, int]:
    """Samples of each class, in the order of the classes; a sample of several counts for each."""
    counts = Counter(label for _, labels in segment_classes(annotations.samples) for label in labels)
    return {name: counts[number] for number, name in enumerate(annotations.labels)}


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The values below which 0, 5, 25, 50, 75, 95 and 100 % lie, by `p0` ... `p100`; empty for no values."""
    if not values:
        return {}
    found = np.percentile(np.array(values, dtype=np.float64), PERCENTILES)
    return {f"p{share}": round(float(value), 3) for share, value in zip(PERCENTILES, found, strict=True)}


def as_json(statistics: Statistics) -> dict[str, object]:
    """Everything but the single durations, as plain values."""
    return {
        "num_videos": statistics.num_videos,
        "num_bad": statistics.num_bad,
        "num_samples": statistics.num_samples,
        "total_hours": round(statistics.total_seconds / 3600, 4),
        "seconds": percentiles(statistics.seconds),
        "frames": percentiles(statistics.num_frames),
        "classes": dict(statistics.classes),
        "sizes": dict(statistics.sizes),
        "frame_rates": dict(statistics.frame_rates),
        "formats": dict(statistics.formats),
    }


def _ranked(names: Iterable[str]) -> dict[str, int]:
    """Counts, the largest first, ties by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
