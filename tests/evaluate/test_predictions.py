"""What is kept of every video, and that the whole report follows from it again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import torch

from tests.evaluate.conftest import ODD_NAME
from tests.evaluate.test_report import multi_label_report
from videoswin.data.segments import Segment
from videoswin.errors import ConfigError
from videoswin.evaluate import Report, read_predictions, write_report
from videoswin.evaluate.predictions import METADATA
from videoswin.evaluate.report import to_json


@pytest.fixture
def file(report: Report, tmp_path: Path) -> Path:
    write_report(report, tmp_path)
    return tmp_path / "predictions.parquet"


def test_one_row_a_listed_video(file: Path) -> None:
    rows = pyarrow.parquet.read_table(file).to_pylist()
    escaped = ODD_NAME.replace("\udcff", "\\udcff")
    assert [row["path"] for row in rows] == ["a.mp4", escaped, "bad.mp4", "d.mp4"]
    assert [row["label"] for row in rows] == ["jump", "run", "run", "run"]
    assert [row["predicted"] for row in rows] == ["jump", "jump", None, "run"]
    assert [row["segment"] for row in rows] == [None] * 4
    assert (rows[2]["code"], rows[2]["reason"]) == ("V05", "an HTML page")
    assert (rows[0]["code"], rows[0]["reason"]) == (None, None)
    assert rows[2]["probabilities"] is None
    assert rows[0]["probabilities"] == torch.tensor([0.7, 0.2, 0.1]).tolist()


def test_what_is_true_of_all_rows_is_in_the_metadata(file: Path) -> None:
    facts = json.loads(pyarrow.parquet.read_schema(file).metadata[METADATA])
    assert facts["labels"] == ["jump", "run", "walk"]
    assert (facts["views"], facts["precision"], facts["version"]) == ("2x1", "fp32", 1)


def test_the_report_comes_again(report: Report, file: Path, tmp_path: Path) -> None:
    again = read_predictions(file)
    assert to_json(again) == to_json(report)
    assert torch.equal(again.probabilities, report.probabilities)
    (tmp_path / "again").mkdir()
    for path in write_report(again, tmp_path / "again"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_the_report_of_several_classes_and_segments_comes_again(report: Report, tmp_path: Path) -> None:
    several = multi_label_report(report)
    part = replace(several.samples[0], segment=Segment(start=10, stop=18.5, unit="seconds"))
    several = replace(several, samples=(part, *several.samples[1:]))
    write_report(several, tmp_path)
    again = read_predictions(tmp_path / "predictions.parquet")
    assert to_json(again) == to_json(several)
    assert again.samples[0].segment == part.segment
    assert [sample.labels for sample in again.samples] == [(0, 1), (1,), (1,), (1,)]


def test_probabilities_come_back_bit_for_bit(report: Report, tmp_path: Path) -> None:
    probabilities = torch.rand(4, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    write_report(replace(report, probabilities=probabilities, bad=()), tmp_path)
    assert torch.equal(read_predictions(tmp_path / "predictions.parquet").probabilities, probabilities)


def test_what_is_no_predictions_file_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.parquet: cannot be read"):
        read_predictions(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("path,label\n")
    with pytest.raises(ConfigError, match=r"text\.parquet: not the predictions of an evaluation"):
        read_predictions(tmp_path / "text.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"path": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(ConfigError, match=r"other\.parquet: not the predictions of an evaluation: KeyError"):
        read_predictions(tmp_path / "other.parquet")
    torn = file.read_bytes()[:-200]
    (tmp_path / "torn.parquet").write_bytes(torn)
    with pytest.raises(ConfigError, match=r"torn\.parquet: not the predictions of an evaluation"):
        read_predictions(tmp_path / "torn.parquet")
    table = pyarrow.parquet.read_table(file)
    facts = json.loads(table.schema.metadata[METADATA]) | {"version": 2}
    newer = table.replace_schema_metadata({METADATA: json.dumps(facts)})
    pyarrow.parquet.write_table(newer, tmp_path / "newer.parquet")
    with pytest.raises(ConfigError, match=r"newer\.parquet: needs another videoswin: version 2, not 1"):
        read_predictions(tmp_path / "newer.parquet")
