"""What changed between two evaluations, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from videoswin.data.dataset import BadVideo
from videoswin.data.samples import Sample
from videoswin.data.segments import Segment
from videoswin.errors import ConfigError
from videoswin.evaluate import Report
from videoswin.evaluate.compare import Agreement, compare, mcnemar
from videoswin.evaluate.compare_picture import draw_comparisons
from videoswin.evaluate.report import measure_samples
from videoswin.values import ClipSpec, Views

LABELS = ("jump", "run", "walk")


def report_of(
    rows: list[tuple[str, str, list[float] | None]], labels: tuple[str, ...] = LABELS, several: bool = False
) -> Report:
    """rows: (path, label or labels with `|`, probabilities in the order of `labels`, or None: not read)."""
    samples = []
    for path, names, _ in rows:
        own = tuple(sorted(labels.index(name) for name in names.split("|")))
        samples.append(Sample(path=path, file=Path(path), label=own[0], labels=own if several else ()))
    is_read = torch.tensor([shares is not None for _, _, shares in rows])
    probabilities = torch.tensor([shares or [0.0] * len(labels) for _, _, shares in rows])
    bad = tuple(
        BadVideo(index=row, path=sample.path, label=sample.label, code="V01", reason="empty file")
        for row, sample in enumerate(samples)
        if not is_read[row]
    )
    metrics = measure_samples(samples, probabilities, is_read, is_multi_label=several)
    return Report(
        weights="w",
        source="s",
        views=Views(),
        clip=ClipSpec(),
        precision="fp32",
        labels=labels,
        samples=samples,
        probabilities=probabilities,
        bad=bad,
        metrics=metrics,
    )


FIRST = report_of(
    [
        ("a", "jump", [0.8, 0.1, 0.1]),  # right, stays right
        ("b", "jump", [0.6, 0.3, 0.1]),  # right, becomes wrong
        ("c", "run", [0.5, 0.4, 0.1]),  # wrong, becomes right
        ("d", "run", [0.1, 0.9, 0.0]),  # right, can't be read by the second
        ("e", "walk", [0.5, 0.4, 0.1]),  # wrong, stays wrong
    ]
)
SECOND = report_of(
    # listed in another order, classes numbered in another order: walk, run, jump
    [
        ("e", "walk", [0.1, 0.2, 0.7]),
        ("d", "run", None),
        ("c", "run", [0.1, 0.8, 0.1]),
        ("b", "jump", [0.2, 0.5, 0.3]),
        ("a", "jump", [0.1, 0.1, 0.8]),
    ],
    labels=("walk", "run", "jump"),
)


def test_compare_by_hand() -> None:
    found = compare(FIRST, SECOND)
    assert found.agreement == Agreement(both=1, only_first=2, only_second=1, neither=1)
    assert [(c.label, c.num_videos, c.first, c.second) for c in found.classes] == [
        ("jump", 2, 1.0, 0.5),
        ("run", 2, 0.5, 0.5),
        ("walk", 1, 0.0, 0.0),
    ]
    assert [change.path for change in found.lost] == ["d", "b"]  # the larger drop first
    first_lost, second_lost = found.lost
    assert (first_lost.predicted_first, first_lost.predicted_second) == ("run", None)
    assert (first_lost.first, first_lost.second) == pytest.approx((0.9, 0.0))
    assert (second_lost.predicted_first, second_lost.predicted_second) == ("jump", "run")
    assert (second_lost.first, second_lost.second) == pytest.approx((0.6, 0.3))
    assert [(change.path, change.label) for change in found.gained] == [("c", "run")]


def test_a_run_equals_itself() -> None:
    found = compare(FIRST, FIRST)
    assert found.agreement == Agreement(both=3, only_first=0, only_second=0, neither=2)
    assert found.agreement.p_value == 1.0
    assert not found.lost
    assert not found.gained
    assert all(change.change == 0 for change in found.classes)


def test_several_classes_a_video() -> None:
    first = report_of([("a", "jump|run", [0.1, 0.8, 0.3]), ("b", "walk", [0.9, 0.1, 0.2])], several=True)
    second = report_of([("a", "jump|run", [0.1, 0.3, 0.8]), ("b", "walk", [0.1, 0.2, 0.9])], several=True)
    found = compare(first, second)
    assert found.agreement == Agreement(both=0, only_first=1, only_second=1, neither=0)
    # jump: own a is second of two, then equal to b; run: always first; walk: second, then first
    assert [(c.label, c.first, c.second) for c in found.classes] == [
        ("walk", 0.5, 1.0),
        ("jump", 0.5, 0.5),
        ("run", 1.0, 1.0),
    ]
    assert [(c.path, c.label) for c in found.lost] == [("a", "jump|run")]
    assert (found.lost[0].first, found.lost[0].second) == pytest.approx((0.45, 0.2))


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (0, 10, 2 / 2**10),
        (1, 5, 2 * (1 + 6) / 2**6),
        (3, 3, 1.0),
        (6, 16, 0.05248),  # two-sided exact binomial test of 6 in 22
        (5000, 5000, 1.0),
    ],
)
def test_mcnemar(only_first: int, only_second: int, expected: float) -> None:
    assert mcnemar(only_first, only_second) == pytest.approx(expected, abs=1e-5)
    assert mcnemar(only_second, only_first) == mcnemar(only_first, only_second)


def test_mcnemar_of_many_videos_is_a_number() -> None:
    assert 0 < mcnemar(9_000, 10_000) < 1e-12
    assert mcnemar(0, 20_000) == 0.0  # smaller than any float


def test_segments_and_repeated_rows_are_videos_of_their_own() -> None:
    rows = [("a", "jump", [0.8, 0.1, 0.1]), ("a", "jump", [0.1, 0.8, 0.1]), ("a", "jump", [0.8, 0.1, 0.1])]
    report = report_of(rows)  # type: ignore[arg-type]
    part = replace(report.samples[2], segment=Segment(start=0, stop=4, unit="frames"))
    report = replace(report, samples=(*report.samples[:2], part))
    assert compare(report, report).agreement == Agreement(both=2, only_first=0, only_second=0, neither=1)
    with pytest.raises(ConfigError, match="lacks 1 of 3 and has 1 others; the first: a"):
        compare(report, report_of(rows))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            report_of([("a", "jump", [0.8, 0.1, 0.1])]),
            "of different videos: the second lacks 4 of 5 and has 0 others; the first: b",
        ),
        (
            report_of([(s.path, FIRST.labels[s.label], [0.8, 0.1, 0.1]) for s in FIRST.samples] +
                      [("z", "run", [0.8, 0.1, 0.1])]),
            "of different videos: the second lacks 0 of 5 and has 1 others; the first: z",
        ),
        (
            report_of([(s.path, "walk", [0.8, 0.1, 0.1]) for s in FIRST.samples]),
            "label a differently: 'jump' and 'walk'",
        ),
        (
            report_of([("a", "jump", [0.8, 0.1])], labels=("jump", "swim")),
            "know different classes: 3 are in one only, the first: 'run'",
        ),
        (report_of([("a", "jump", [0.8, 0.1, 0.1])], several=True), "one run has several classes a video"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(other: Report, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(FIRST, other)


def test_the_picture_is_drawn_and_the_same_twice() -> None:
    comparisons = [compare(FIRST, SECOND), compare(FIRST, FIRST)]
    names = [("one", "two $x^$\n"), ("one", "a folder with a long name " * 4)]
    png = draw_comparisons(comparisons, names)
    assert png.startswith(b"\x89PNG")
    assert png == draw_comparisons(comparisons, names)
    assert png != draw_comparisons(comparisons[::-1], names)
