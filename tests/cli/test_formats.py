"""A Kinetics table and Something-Something's lists, from the command line to the report."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from tests.train.material import write_videos
from videoswin.cli.main import main
from videoswin.train.checks import DATA_FILE

MICRO = [
    *("--model.embed_dim", "16", "--model.depths", "[1,1]", "--model.num_heads", "[1,2]"),
    *("--model.window", "[2,4,4]", "--clip.num_frames", "4", "--clip.size", "32", "--precision", "fp32"),
    *("--epochs", "1", "--schedule.warmup_epochs", "0.5", "--global_batch", "2", "--data.num_workers", "0"),
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("videos"), per_class=3)


def train(source: object, root: Path, output: Path, *more: str) -> int:
    return main(
        [
            "train",
            "--data.train",
            str(source),
            "--data.root",
            str(root),
            "--output",
            str(output),
            *MICRO,
            *more,
        ]
    )


def evaluate(weights: Path, source: object, root: Path, output: Path) -> int:
    options = ("--views", "1x1", "--num_workers", "0", "--output", str(output))
    return main(["evaluate", str(weights), str(source), "--root", str(root), *options])


def test_a_kinetics_table(videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines = ["label,youtube_id,time_start,time_end,split"]
    for label in ("very bright", "dark"):
        folder = tmp_path / "k" / label.replace(" ", "_")
        folder.mkdir(parents=True)
        for index, split in enumerate(("train", "train", "val")):
            shutil.copy(
                videos / label.split()[-1] / f"{index}.mp4", folder / f"{label[0]}{index}_000003_000013.mp4"
            )
            lines.append(f"{label},{label[0]}{index},3,13,{split}")
    table = tmp_path / "kinetics.csv"
    table.write_text("\n".join(lines))
    output = tmp_path / "run"
    assert train(f"{table}#train", tmp_path / "k", output, "--data.val", f"{table}#val") == 0
    record = json.loads((output / DATA_FILE).read_text())
    assert {name: entry["num_samples"] for name, entry in record.items()} == {"train": 4, "val": 2}
    assert len(record["train"]["fingerprint"]) == 64
    assert any(line.startswith("preflight: no video is missing") for line in caplog.messages)
    assert evaluate(output / "last.safetensors", f"{table}#val", tmp_path / "k", tmp_path / "report") == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["n_evaluated"], report["n_listed"]) == (2, 2)


def test_something_something_lists(videos: Path, tmp_path: Path) -> None:
    root = tmp_path / "20bn-something-something-v2"
    root.mkdir()
    templates = {"bright": "Showing [something] bright", "dark": "Showing [something] dark"}
    lists: dict[str, list[dict[str, str]]] = {"train": [], "validation": []}
    for number, (label, index) in enumerate((label, index) for label in templates for index in range(3)):
        shutil.copy(videos / label / f"{index}.mp4", root / f"{number}.mp4")
        entry = {"id": str(number), "label": "a text", "template": templates[label]}
        lists["train" if index < 2 else "validation"].append(entry)
    for name, entries in lists.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    (tmp_path / "labels.json").write_text(
        json.dumps({"Showing something dark": "0", "Showing something bright": "1"})
    )
    (tmp_path / "test.json").write_text('[{"id": "0"}]')
    output, val = tmp_path / "run", tmp_path / "validation.json"
    assert (
        train(tmp_path / "train.json", tmp_path, output, "--data.val", str(val), "--clip.sampling", "uniform")
        == 0
    )
    assert evaluate(output / "last.safetensors", val, root, tmp_path / "report") == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["n_evaluated"] == 2
    assert train(tmp_path / "test.json", root, tmp_path / "other") == 2


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    return lines[0]


def test_segments_of_one_file(videos: Path, tmp_path: Path) -> None:
    rows = ["path,label,start_frame,end_frame"]
    for label in ("bright", "dark"):
        rows += [f"{label}/0.mp4,{label},{start},{start + 4}" for start in (0, 4, 8)]
    (tmp_path / "parts.csv").write_text("\n".join(rows))
    assert train(tmp_path / "parts.csv", videos, tmp_path / "run") == 0
    assert not (tmp_path / "run" / "preflight.tsv").exists()
    (tmp_path / "long.csv").write_text("\n".join([*rows, "dark/1.mp4,dark,10,14"]))
    weights = tmp_path / "run" / "last.safetensors"
    assert evaluate(weights, tmp_path / "long.csv", videos, tmp_path / "report") == 3
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["n_evaluated"], report["n_listed"]) == (6, 7)


def test_several_classes_a_video_are_trained_and_evaluated(videos: Path, tmp_path: Path) -> None:
    rows = [
        "bright/0.mp4,bright|dark",
        *(f"{label}/{i}.mp4,{label}" for label in ("bright", "dark") for i in (1, 2)),
    ]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]))
    assert train(tmp_path / "list.csv", videos, tmp_path / "run") == 0
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert "val/map" in header
    weights = tmp_path / "run" / "last.safetensors"
    assert evaluate(weights, tmp_path / "list.csv", videos, tmp_path / "report") == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert 0 < report["mean_average_precision"] <= 1


def test_a08_a_leak_ends_the_run_if_asked_to(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(videos, tmp_path / "data")
    shutil.copy(videos / "dark" / "0.mp4", tmp_path / "data" / "copy.mp4")
    (tmp_path / "val.csv").write_text("path,label\ncopy.mp4,dark\nbright/2.mp4,bright\n")
    (tmp_path / "train.csv").write_text(
        "path,label\ndark/0.mp4,dark\ndark/1.mp4,dark\nbright/0.mp4,bright\nbright/1.mp4,bright\n"
    )
    arguments = (tmp_path / "train.csv", tmp_path / "data")
    val = ("--data.val", str(tmp_path / "val.csv"))
    assert train(*arguments, tmp_path / "a", *val, "--data.fail_on_leak", "true") == 2
    assert (
        "1 pairs of videos in two splits have the same content: train 'dark/0.mp4' = val 'copy.mp4'"
        in one_line(capsys)
    )
    assert train(*arguments, tmp_path / "b", *val) == 0
    assert (tmp_path / "b" / "preflight.tsv").read_text() == "leak\ttrain 'dark/0.mp4' = val 'copy.mp4'\n"
    assert any(line.startswith("preflight: 1 pairs of videos in two splits") for line in caplog.messages)
