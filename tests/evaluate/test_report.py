"""The numbers of a report as JSON, against values worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from tests.evaluate.conftest import ODD_NAME
from videoswin.evaluate import Report
from videoswin.evaluate.report import measure_samples, to_json


def test_report_json(report: Report) -> None:
    found = json.loads(to_json(report))
    low, high = found.pop("top1_interval_95")
    assert (low, high) == pytest.approx((0.1500, 0.8500), abs=1e-4)
    assert found == {
        "bad": [{"path": "bad.mp4", "label": "run", "code": "V05", "reason": "an HTML page"}],
        "classes": [
            {"label": "jump", "n_listed": 1, "n_evaluated": 1, "n_correct": 1, "accuracy": 1.0},
            {"label": "run", "n_listed": 3, "n_evaluated": 2, "n_correct": 1, "accuracy": 1 / 3},
            {"label": "walk", "n_listed": 0, "n_evaluated": 0, "n_correct": 0, "accuracy": None},
        ],
        "clip": {"num_frames": 4, "stride": 1, "size": 32, "sampling": "dense", "resize": "bilinear"},
        "confusion": [[1, 0, 0], [1, 1, 0], [0, 0, 0]],
        "data": "test.csv",
        "labels": ["jump", "run", "walk"],
        "mean_class_accuracy": pytest.approx((1 + 1 / 3) / 2),
        "n_evaluated": 3,
        "n_listed": 4,
        "precision": "fp32",
        "top1": 0.5,
        "top5": 0.75,
        "top5_k": 3,
        "views": "2x1",
        "weights": "runs/best.safetensors",
    }


def test_report_json_has_sorted_keys_and_a_table_row_a_line(report: Report) -> None:
    lines = to_json(report).splitlines()
    keys = [line.split('"')[1] for line in lines if line.startswith('  "')]
    assert keys == sorted(keys)
    assert "    [1, 1, 0]," in lines


def multi_label_report(report: Report) -> Report:
    """The first video has two classes; nobody has the third."""
    classes = ((0, 1), (1,), (1,), (1,))
    samples = tuple(
        replace(sample, label=own[0], labels=own) for sample, own in zip(report.samples, classes, strict=True)
    )
    is_read = torch.tensor([True, True, False, True])
    metrics = measure_samples(samples, report.probabilities, is_read, is_multi_label=True)
    return replace(report, samples=samples, metrics=metrics)


def test_report_json_of_several_classes_a_video(report: Report) -> None:
    found = json.loads(to_json(multi_label_report(report)))
    # jump: 0.7 is the highest. run: 0.9, 0.3, 0.2 are all right, the fourth video was not read.
    assert found["classes"] == [
        {"label": "jump", "n_listed": 1, "average_precision": 1.0},
        {"label": "run", "n_listed": 4, "average_precision": 0.75},
        {"label": "walk", "n_listed": 0, "average_precision": None},
    ]
    assert found["mean_average_precision"] == 0.875
    assert (found["top1"], found["top5"]) == (0.5, 0.75)
    assert found["bad"][0]["label"] == ["run"]
    assert not found.keys() & {"confusion", "mean_class_accuracy"}


def test_names_that_are_no_unicode_are_escaped(report: Report) -> None:
    odd = replace(report.samples[2], path=ODD_NAME)
    samples = (*report.samples[:2], odd, report.samples[3])
    found = json.loads(to_json(replace(report, samples=samples)))
    assert found["bad"][0]["path"] == 'videos/nice, "odd"\nname \\udcff é.mp4'
