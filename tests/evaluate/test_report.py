"""The files of an evaluation, against values worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from videoswin.data.annotations import Sample
from videoswin.data.dataset import BadVideo
from videoswin.data.segments import Segment
from videoswin.errors import ConfigError, StorageError
from videoswin.evaluate import Report, measure, prepare_folder, write_report
from videoswin.evaluate.report import to_json
from videoswin.values import ClipSpec, Views

ODD_NAME = 'videos/nice, "odd"\nname \udcff é.mp4'


@pytest.fixture
def report() -> Report:
    labels = ("jump", "run", "walk")
    samples = tuple(
        Sample(path=path, file=Path("/videos") / path, label=label)
        for path, label in (("a.mp4", 0), (ODD_NAME, 1), ("bad.mp4", 1), ("d.mp4", 1))
    )
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.0, 0.0, 0.0], [0.1, 0.9, 0.0]])
    is_read = torch.tensor([True, True, False, True])
    return Report(
        weights="runs/best.safetensors",
        source="test.csv",
        views=Views(clips=2, crops=1),
        clip=ClipSpec(num_frames=4, stride=1, size=32),
        precision="fp32",
        labels=labels,
        samples=samples,
        probabilities=probabilities,
        bad=(BadVideo(index=2, path="bad.mp4", label=1, code="V05", reason="an HTML page"),),
        metrics=measure(probabilities, torch.tensor([0, 1, 1, 1]), is_read),
    )


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


def test_predictions_have_one_row_a_listed_video(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_bytes().splitlines()]
    assert [row["path"] for row in rows] == ["a.mp4", ODD_NAME, "bad.mp4", "d.mp4"]
    assert [row["label"] for row in rows] == ["jump", "run", "run", "run"]
    assert [row["predicted"] for row in rows] == ["jump", "jump", None, "run"]
    assert rows[2]["probabilities"] is None
    assert rows[2]["error"] == {"code": "V05", "reason": "an HTML page"}
    assert rows[0]["probabilities"] == [0.7, 0.2, 0.1]  # not 0.699999988079071


def test_a_row_of_a_segment_says_which(report: Report, tmp_path: Path) -> None:
    whole, *others = report.samples
    part = replace(whole, segment=Segment(start=10, stop=18, unit="frames"))
    write_report(replace(report, samples=(part, *others)), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_bytes().splitlines()]
    assert [row.get("segment") for row in rows] == ["frames 10 to 18", None, None, None]


def test_written_probabilities_come_back_bit_for_bit(report: Report, tmp_path: Path) -> None:
    probabilities = torch.rand(4, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    write_report(replace(report, probabilities=probabilities, bad=()), tmp_path)
    rows = [json.loads(line)["probabilities"] for line in (tmp_path / "predictions.jsonl").open()]
    assert torch.equal(torch.tensor(rows), probabilities)


def test_same_report_same_bytes(report: Report, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        names = [path.name for path in write_report(report, folder)]
        assert names == ["predictions.jsonl", "confusion.png", "report.json"]
        assert sorted(names) == sorted(path.name for path in folder.iterdir())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_a_report_is_not_overwritten_unasked(report: Report, tmp_path: Path) -> None:
    prepare_folder(tmp_path / "new" / "folder", force=False)
    write_report(report, tmp_path / "new" / "folder")
    with pytest.raises(ConfigError, match=r"holds a report already; .*--output .*--force"):
        prepare_folder(tmp_path / "new" / "folder", force=False)
    prepare_folder(tmp_path / "new" / "folder", force=True)


def test_an_output_that_cannot_be_written_is_seen_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file is not a folder"):
        prepare_folder(tmp_path / "file", force=False)
    with pytest.raises(StorageError, match=r"cannot write to .*inside: Not a directory"):
        prepare_folder(tmp_path / "file" / "inside", force=False)


def test_a_folder_that_went_away_is_a_storage_error(report: Report, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"predictions\.jsonl"):
        write_report(report, tmp_path / "gone")
