"""`videoswin evaluate`, end to end in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.predict.material import LABELS, write_page, write_video, write_weights
from videoswin.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's working folder: weights, and two videos of each class."""
    write_weights(tmp_path / "micro.safetensors")
    for seed in range(6):
        write_video(tmp_path / "videos" / LABELS[seed % 3] / f"{seed}.mp4", seed=seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(data: str, *arguments: str) -> int:
    return main(["evaluate", "micro.safetensors", data, "--views", "1x3", "--num_workers", "0", *arguments])


def test_summary_and_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("videos") == 0
    out, err = capsys.readouterr()
    report = json.loads((folder / "evaluation" / "report.json").read_text())
    lines = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert "6 of 6 evaluated, 0 unreadable" in lines["videos"]
    assert "1x3" in lines["views"]
    assert f"{report['top1']:.2%}" in lines["top-1"]
    assert "95 % interval" in lines["top-1"]
    assert "100.00%" in lines["top-3"]
    assert f"{report['mean_class_accuracy']:.2%}" in lines["mean class"]
    for name in ("report.json", "predictions.parquet", "confusion.png"):
        assert f"wrote evaluation/{name}" in out
        assert (folder / "evaluation" / name).stat().st_size > 0
    assert "error" not in err


def test_two_runs_write_the_same_bytes_wherever_they_write(folder: Path) -> None:
    assert evaluate("videos", "--output", "one") == 0
    assert evaluate("videos", "--output", "two/deep") == 0
    for name in ("report.json", "predictions.parquet", "confusion.png"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / "deep" / name).read_bytes()


def test_bad_videos_end_with_3_and_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_page(folder / "videos" / "run" / "page.mp4")
    assert evaluate("videos") == 3
    out, err = capsys.readouterr()
    assert "6 of 7 evaluated, 1 unreadable" in out
    assert err.startswith("error: [V05] ")
    assert "page.mp4" in err
    report = json.loads((folder / "evaluation" / "report.json").read_text())
    assert (report["n_evaluated"], report["n_listed"]) == (6, 7)
    assert report["bad"][0]["path"].endswith("page.mp4")


def test_many_bad_videos_are_counted_not_all_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(12):
        write_page(folder / "videos" / "run" / f"page{index}.mp4")
    assert evaluate("videos") == 3
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 11
    assert err[-1] == "... and 2 more, listed in the report"


def test_root_of_relative_paths(folder: Path) -> None:
    (folder / "lists").mkdir()
    (folder / "lists" / "test.csv").write_text("path,label\njump/0.mp4,jump\n")
    assert evaluate("lists/test.csv", "--root", "videos") == 0


def test_an_old_report_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("videos") == 0
    before = (folder / "evaluation" / "report.json").read_bytes()
    capsys.readouterr()
    assert evaluate("videos") == 2
    assert "evaluation holds a report already" in capsys.readouterr().err
    assert (folder / "evaluation" / "report.json").read_bytes() == before
    assert evaluate("videos", "--force") == 0


def test_nothing_readable_ends_with_5_and_leaves_no_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(folder / "page.mp4")
    (folder / "list.csv").write_text("path,label\npage.mp4,run\n")
    assert evaluate("list.csv") == 5
    assert "none of 1 videos could be read" in capsys.readouterr().err
    assert not (folder / "evaluation" / "report.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--views", "4"], "views are '4'; allowed: CLIPSxCROPS"),
        (["--batch_size", "0"], "batch_size is 0; allowed: 1 or more"),
        (["--processes", "0"], "processes is 0; allowed: 1 or more"),
        (["--views_per_pass", "0"], "views_per_pass is 0; allowed: 1 or more"),
        (["--output", "micro.safetensors"], "micro.safetensors is not a folder"),
        (["--batch-sise", "2"], "did you mean --batch_size?"),
    ],
)
def test_wrong_usage_ends_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert evaluate("videos", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (folder / "evaluation" / "report.json").exists()


def test_unknown_labels_end_with_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "list.csv").write_text("path,label\nvideos/jump/0.mp4,swim\n")
    assert evaluate("list.csv") == 2
    assert "swim" in capsys.readouterr().err


def test_kept_predictions_are_measured_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_page(folder / "videos" / "run" / "page.mp4")
    assert evaluate("videos") == 3
    printed = capsys.readouterr().out.partition("wrote")[0].splitlines(keepends=True)
    summary = "".join(line for line in printed if not line.startswith("cores"))  # no longer known
    assert main(["evaluate", "--from", "evaluation/predictions.parquet"]) == 0
    again = capsys.readouterr().out
    assert [line.split() for line in again.splitlines()] == [line.split() for line in summary.splitlines()]
    assert main(["evaluate", "--from", "evaluation/predictions.parquet", "--output", "again"]) == 0
    for name in ("report.json", "predictions.parquet", "confusion.png"):
        assert (folder / "again" / name).read_bytes() == (folder / "evaluation" / name).read_bytes()
    assert main(["evaluate", "--from", "evaluation/predictions.parquet", "--output", "again"]) == 2


def test_several_classes_a_video(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["jump/0.mp4,jump", "jump/0.mp4,walk", "run/1.mp4,run", "walk/2.mp4,walk"]
    (folder / "list.csv").write_text("path,label\n" + "".join(f"videos/{row}\n" for row in rows))
    assert evaluate("list.csv") == 2  # without the flag two labels of a video contradict each other
    assert evaluate("list.csv", "--multi_label") == 0
    report = json.loads((folder / "evaluation" / "report.json").read_text())
    assert f"mean AP  {report['mean_average_precision']:.2%}" in " ".join(
        capsys.readouterr().out.split("mean class")[0].replace("mean AP    ", "mean AP  ").splitlines()
    )
    assert report["n_listed"] == 3
    assert [row["n_listed"] for row in report["classes"]] == [1, 1, 2]
    assert (folder / "evaluation" / "average_precision.png").exists()


def test_several_processes_write_the_bytes_of_one(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Guarantee G7, D05: every video once, errors said once, the exit code handed on."""
    write_page(folder / "videos" / "run" / "page.mp4")
    assert evaluate("videos", "--output", "one") == 3
    capfd.readouterr()
    assert evaluate("videos", "--output", "two", "--processes", "2", "--batch_size", "2") == 3
    out, err = capfd.readouterr()
    assert out.count("top-1") == 1
    assert err.count("error: [V05] ") == 1
    for name in ("report.json", "predictions.parquet", "confusion.png"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()
    assert evaluate("videos", "--output", "two", "--processes", "2") == 2
    assert capfd.readouterr().err.count("two holds a report already") == 1
