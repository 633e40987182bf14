"""What changed between two evaluations of the same videos, as pure functions over their reports.

Legend: N videos, K classes; b videos that only the first run names right, c that only the second does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from videoswin.data.parquet import as_unicode
from videoswin.data.samples import Sample
from videoswin.errors import ConfigError, printable
from videoswin.evaluate.metrics import predicted_classes
from videoswin.evaluate.multi_label import MultiLabelMetrics, label_matrix
from videoswin.evaluate.report import Report

Key = tuple[str, str, int]
"""Path as listed, segment, and how many equal rows came before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Of how many videos the most probable class was right. Unread videos are not."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def p_value(self) -> float:
        """Of the exact McNemar test: how likely a split at least as uneven were if neither run was better."""
        return mcnemar(self.only_first, self.only_second)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassChange:
    """One class. first and second are shares in [0, 1]: of its videos named right, or, where videos have
    several classes, its average precision."""

    label: str
    num_videos: int
    first: float
    second: float

    @property
    def change(self) -> float:
        return self.second - self.first


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoChange:
    """A video that one run names right and the other wrong. predicted: None where it could not be read;
    first and second: the probability of its own class (the mean over several), 0 where it could not."""

    path: str
    segment: str
    label: str
    predicted_first: str | None
    predicted_second: str | None
    first: float
    second: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Comparison:
    """The second run against the first. classes: the largest change first; lost and gained: all videos that
    became wrong or right, the largest change of probability first."""

    first: Report
    second: Report
    agreement: Agreement
    classes: tuple[ClassChange, ...]
    lost: tuple[VideoChange, ...]
    gained: tuple[VideoChange, ...]


def compare(first: Report, second: Report) -> Comparison:
    """Two evaluations of the same videos, listed in any order, by models that number classes in any order.

    Raises ConfigError where videos, their labels or the names of the classes differ.
    """
    _require_same_classes(first, second)
    rows = _rows_of(first, second)  # of the second run, in the order of the first
    right_first, right_second = is_right(first), is_right(second)[rows]
    lost = (right_first & ~right_second).nonzero().flatten().tolist()
    gained = (~right_first & right_second).nonzero().flatten().tolist()
    agreement = Agreement(
        both=int((right_first & right_second).sum()),
        only_first=len(lost),
        only_second=len(gained),
        neither=int((~right_first & ~right_second).sum()),
    )
    return Comparison(
        first=first,
        second=second,
        agreement=agreement,
        classes=_class_changes(first, second),
        lost=_video_changes(first, second, rows.tolist(), lost),
        gained=_video_changes(first, second, rows.tolist(), gained),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p value in (0, 1] of the exact McNemar test: b of b + c tosses of a fair coin (McNemar 1947).

    Ten videos against none: 2 / 2^10 = 0.002. The counts are exact whole numbers up to the last division.
    """
    num_tosses = only_first + only_second
    ways, cumulated = 1, 0
    for heads in range(min(only_first, only_second) + 1):
        cumulated += ways
        ways = ways * (num_tosses - heads) // (heads + 1)
    return min(1.0, 2 * cumulated / (1 << num_tosses))


def is_right(report: Report) -> Tensor:
    """(N,) bool: whether the most probable class is the video's, or one of its classes."""
    is_read = torch.ones(len(report.samples), dtype=torch.bool)
    is_read[[bad.index for bad in report.bad]] = False
    return is_read & (own_classes(report).gather(1, predicted_classes(report.probabilities)[:, None])[:, 0])


def own_classes(report: Report) -> Tensor:
    """(N, K) bool."""
    classes = [sample.labels or (sample.label,) for sample in report.samples]
    return label_matrix(classes, num_classes=len(report.labels))


def _require_same_classes(first: Report, second: Report) -> None:
    if first.is_multi_label != second.is_multi_label:
        raise ConfigError("one run has several classes a video, the other one; allowed: the same in both")
    odd = sorted(set(first.labels) ^ set(second.labels))
    if odd:
        raise ConfigError(
            f"the runs know different classes: {len(odd)} are in one only, the first: {printable(odd[0])!r}"
        )


def _rows_of(first: Report, second: Report) -> Tensor:
    """(N,) int64: the row of the second run for each of the first. Raises ConfigError."""
    row_of = {key: row for row, key in enumerate(_keys(second.samples))}
    keys = _keys(first.samples)
    missing = [key for key in keys if key not in row_of]
    extra = len(row_of) + len(missing) - len(keys)
    if missing or extra:
        known = set(keys)
        example = missing[0] if missing else next(key for key in row_of if key not in known)
        raise ConfigError(
            f"the runs are of different videos: the second lacks {len(missing)} of {len(keys)} and has "
            f"{extra} others; the first: {printable(example[0])}"
        )
    rows = [row_of[key] for key in keys]
    for sample, row in zip(first.samples, rows, strict=True):
        if _names(first, sample) != _names(second, second.samples[row]):
            raise ConfigError(
                f"the runs label {printable(sample.path)} differently: {_text(first, sample)!r} and "
                f"{_text(second, second.samples[row])!r}"
            )
    return torch.tensor(rows, dtype=torch.int64)


def _keys(samples: Sequence[Sample]) -> list[Key]:
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for sample in samples:
        name = (as_unicode(sample.path), str(sample.segment or ""))
        keys.append((*name, seen[name]))
        seen[name] += 1
    return keys


def _class_changes(first: Report, second: Report) -> tuple[ClassChange, ...]:
    """Of the classes that have videos."""
    listed = own_classes(first).sum(dim=0).tolist()
    of_first, of_second = _class_shares(first), _class_shares(second)
    changes = [
        ClassChange(label=label, num_videos=listed[k], first=of_first[label], second=of_second[label])
        for k, label in enumerate(first.labels)
        if listed[k]
    ]
    return tuple(sorted(changes, key=lambda change: (-abs(change.change), change.label)))


def _class_shares(report: Report) -> dict[str, float]:
    if isinstance(report.metrics, MultiLabelMetrics):
        shares = report.metrics.average_precision
    else:
        listed = report.metrics.listed_per_class
        shares = report.metrics.confusion.diagonal().double() / listed
    return dict(zip(report.labels, shares.tolist(), strict=True))


def _video_changes(
    first: Report, second: Report, rows: Sequence[int], changed: Sequence[int]
) -> tuple[VideoChange, ...]:
    shares_first, shares_second = _own_shares(first), _own_shares(second)
    named_first, named_second = _named(first), _named(second)
    changes = [
        VideoChange(
            path=first.samples[row].path,
            segment=str(first.samples[row].segment or ""),
            label=_text(first, first.samples[row]),
            predicted_first=named_first[row],
            predicted_second=named_second[rows[row]],
            first=shares_first[row],
            second=shares_second[rows[row]],
        )
        for row in changed
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.second - change.first)))


def _own_shares(report: Report) -> list[float]:
    own = own_classes(report)
    shares: list[float] = ((report.probabilities.double() * own).sum(dim=1) / own.sum(dim=1)).tolist()
    return shares


def _named(report: Report) -> list[str | None]:
    names: list[str | None] = [report.labels[k] for k in predicted_classes(report.probabilities).tolist()]
    for bad in report.bad:
        names[bad.index] = None
    return names


def _names(report: Report, sample: Sample) -> set[str]:
    return {report.labels[k] for k in sample.labels or (sample.label,)}


def _text(report: Report, sample: Sample) -> str:
    return "|".join(sorted(_names(report, sample)))
