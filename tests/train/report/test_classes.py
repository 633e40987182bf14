from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.report.material import several_classes, some_validation
from videoswin.train.report.classes import (
    ClassRow,
    class_rows,
    class_section,
    multi_label_rows,
    single_label_metrics,
)


def test_a_row_a_class_with_the_hardest_first(tmp_path: Path) -> None:
    validation = some_validation(tmp_path)
    metrics = single_label_metrics(validation)
    assert metrics.top1 == 0.5  # 2 of 4: the unread one is wrong
    assert class_rows(validation, metrics) == [
        ClassRow("dark", 2, 0.0, "a<b> (1)"),
        ClassRow("a<b>", 2, 1.0, ""),
    ]


def test_a_class_without_videos_comes_last(tmp_path: Path) -> None:
    validation = some_validation(tmp_path)
    wider = torch.cat([validation.probabilities, torch.zeros(3, 1)], dim=1)
    validation = replace(validation, labels=(*validation.labels, "never"), probabilities=wider)
    *_, last = class_rows(validation, single_label_metrics(validation))
    assert last[:2] == ("never", 0)
    assert math.isnan(last.share)


def test_classes_of_videos_with_several_have_average_precisions(tmp_path: Path) -> None:
    found = multi_label_rows(several_classes(tmp_path))
    # a<b>: found first and second of its two. dark: first and second of its three, one of which is unread.
    assert [(row.label, row.num_listed) for row in found] == [("dark", 3), ("a<b>", 2)]
    assert [row.share for row in found] == [pytest.approx(2 / 3), 1.0]


def test_the_section_has_the_confusion_picture_and_escaped_names(tmp_path: Path) -> None:
    section = class_section(some_validation(tmp_path))
    assert '<img class="matrix" alt="confusion matrix" src="data:image/png;base64,' in section
    assert "<td>a&lt;b&gt;</td>" in section
    assert "<b>" not in section


def test_videos_of_several_classes_have_no_confusion_matrix(tmp_path: Path) -> None:
    section = class_section(several_classes(tmp_path))
    assert "confusion" not in section
    assert ">average precision</th>" in section
