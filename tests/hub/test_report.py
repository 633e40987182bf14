from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.predict.material import LABELS
from videoswin.errors import ConfigError

REPORT = {
    "data": "/home/me/secret/test-list.txt",
    "labels": list(LABELS),
    "mean_class_accuracy": 0.5,
    "n_evaluated": 9,
    "n_listed": 10,
    "precision": "fp32",
    "top1": 0.6,
    "top1_interval_95": [0.31, 0.83],
    "top5": 1.0,
    "top5_k": 3,
    "views": "4x3",
}


@pytest.fixture
def read(hub: Any) -> Any:
    from videoswin.hub.report import read_evaluation

    return read_evaluation


def write(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps(REPORT | changes))
    return path


def test_numbers_come_through_and_the_place_of_the_data_does_not(read: Any, tmp_path: Path) -> None:
    found = read(write(tmp_path / "report.json"), labels=LABELS)
    assert (found.top1, found.top1_interval, found.top_k, found.num_listed) == (0.6, (0.31, 0.83), 3, 10)
    assert found.data == "test-list.txt"
    assert read(tmp_path / "report.json", labels=()).top1 == 0.6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not the report.json of an evaluation"),
        ("[]", "not the report.json of an evaluation"),
        ("{}", "not the report.json of an evaluation: KeyError"),
        (json.dumps(REPORT | {"top1": None}), "not the report.json of an evaluation: TypeError"),
        (json.dumps(REPORT | {"labels": ["a", "b", "c"]}), "evaluates 3 other labels than the model's"),
    ],
)
def test_other_files_are_refused(read: Any, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ConfigError, match=rf"report\.json: {message}"):
        read(tmp_path / "report.json", labels=LABELS)


def test_report_of_an_evaluation_is_read(hub: Any, read: Any, folder: Path, tmp_path: Path) -> None:
    """The file that evaluation writes, not a copy of its form."""
    from tests.predict.material import write_video
    from videoswin.evaluate import EvaluateConfig, evaluate
    from videoswin.evaluate.report import to_json
    from videoswin.values import Views

    for label in LABELS:
        write_video(tmp_path / "data" / label / "a.mp4", seed=len(label))
    config = EvaluateConfig(views=Views(clips=1, crops=1), num_workers=0)
    report = evaluate(folder / "model.safetensors", tmp_path / "data", config)
    (tmp_path / "report.json").write_text(to_json(report))
    found = read(tmp_path / "report.json", labels=LABELS)
    assert (found.num_listed, found.views, found.data) == (3, "1x1", "data")
    assert found.top1 == report.metrics.top1
