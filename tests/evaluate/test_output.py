"""The files of an evaluation."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluate.test_report import multi_label_report
from videoswin.errors import ConfigError, StorageError
from videoswin.evaluate import Report, prepare_folder, write_report


def test_same_report_same_bytes(report: Report, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        names = [path.name for path in write_report(report, folder)]
        assert names == ["predictions.parquet", "confusion.png", "report.json"]
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
    with pytest.raises(StorageError, match=r"predictions\.parquet"):
        write_report(report, tmp_path / "gone")


def test_several_classes_a_video_give_bars_in_place_of_a_confusion(report: Report, tmp_path: Path) -> None:
    names = [path.name for path in write_report(multi_label_report(report), tmp_path)]
    assert names == ["predictions.parquet", "average_precision.png", "report.json"]
    other = replace(multi_label_report(report), labels=("jump", "run", "other"))
    first = (tmp_path / "average_precision.png").read_bytes()
    write_report(other, tmp_path)
    assert first == (tmp_path / "average_precision.png").read_bytes()  # the third class has no videos


def test_without_pyarrow_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        ConfigError, match=r"^keeping the predictions .* needs pyarrow: pip install 'videoswin\[evaluate\]'$"
    ):
        prepare_folder(tmp_path / "new", force=False)
    assert not (tmp_path / "new").exists()
