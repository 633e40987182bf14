from __future__ import annotations

from pathlib import Path

import pytest
import torch

from videoswin.ablate.order import order_accuracy, require_labels
from videoswin.data.dataset import BadVideo
from videoswin.data.samples import Sample
from videoswin.errors import ConfigError
from videoswin.evaluate import Report
from videoswin.evaluate.report import measure_samples
from videoswin.values import ClipSpec, Views

LABELS = ("down", "up", "walk")


def report_of(*rows: tuple[str, list[float] | None]) -> Report:
    samples = tuple(
        Sample(path=f"{row}.mp4", file=Path(f"{row}.mp4"), label=LABELS.index(label))
        for row, (label, _) in enumerate(rows)
    )
    probabilities = torch.tensor([shares or [0.0, 0.0, 0.0] for _, shares in rows])
    is_read = torch.tensor([shares is not None for _, shares in rows])
    bad = tuple(
        BadVideo(index=row, path=f"{row}.mp4", label=sample.label, code="V01", reason="empty file")
        for row, sample in enumerate(samples)
        if not is_read[row]
    )
    return Report(
        weights="w",
        source="s",
        views=Views(),
        clip=ClipSpec(),
        precision="fp32",
        labels=LABELS,
        samples=samples,
        probabilities=probabilities,
        bad=bad,
        metrics=measure_samples(samples, probabilities, is_read, is_multi_label=False),
    )


def test_share_of_paired_videos_whose_own_label_beats_the_other() -> None:
    report = report_of(
        ("up", [0.1, 0.2, 0.7]),  # told from down, though walk is the prediction
        ("up", [0.5, 0.4, 0.1]),  # not
        ("down", [0.6, 0.4, 0.0]),  # told
        ("down", [0.3, 0.3, 0.4]),  # a tie is not told
        ("walk", [0.0, 0.0, 1.0]),  # of no pair
        ("up", None),  # unread counts as wrong
    )
    assert order_accuracy(report, [("up", "down")]) == 2 / 5


def test_none_without_pairs_or_paired_videos() -> None:
    report = report_of(("walk", [0.0, 0.0, 1.0]))
    assert order_accuracy(report, []) is None
    assert order_accuracy(report, [("up", "down")]) is None


def test_an_unknown_label_is_refused() -> None:
    require_labels([("up", "down")], LABELS)
    with pytest.raises(ConfigError, match="pairs name 'run'; allowed: labels of the data: down, up, walk"):
        require_labels([("up", "run")], LABELS)
