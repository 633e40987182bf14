"""A peer from the command line: trained, evaluated, used, as Video Swin is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.material import FOLDER, needs_torchvision, write_folder
from tests.train.material import CLASSES, write_videos
from videoswin.cli.main import main
from videoswin.predict.classifier import read_classifier

RUN = (
    *("--epochs", "1", "--schedule.warmup_epochs", "0.5", "--global_batch", "3", "--data.num_workers", "0"),
    *("--data.val_fraction", "0.25", "--optimizer.backbone_multiplier", "1"),
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("videos"), per_class=4)


def test_from_a_folder_of_transformers_to_a_prediction(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrained = write_folder(tmp_path / "vivit", "vivit", labels=("a", "b", "c"))
    run, best = str(tmp_path / "run"), str(tmp_path / "run" / "best.safetensors")
    arguments = ["--peer", "vivit", "--weights", str(pretrained), "--data.train", str(videos)]
    assert main(["train", *arguments, *RUN, "--output", run]) == 0
    found = read_classifier(best)
    assert (found.labels, found.clip.num_frames, found.clip.size) == (CLASSES, 4, 32)

    report = tmp_path / "evaluation"
    assert main(["evaluate", best, str(videos), "--views", "1x3", "--output", str(report)]) == 0
    assert json.loads((report / "report.json").read_text())["n_evaluated"] == 8

    capsys.readouterr()
    assert main(["predict", best, str(videos / "dark" / "0.mp4"), "--views", "1x1", "--json"]) == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    assert {row["label"] for row in predictions} == set(CLASSES)

    assert main(["inspect", best]) == 0
    assert "peer vivit" in capsys.readouterr().out

    again = ["--peer", "vivit", "--weights", best, "--data.train", str(videos)]
    assert main(["train", *again, *RUN, "--output", str(tmp_path / "again")]) == 0


def test_published_weights_are_evaluated_as_they_are(videos: Path, tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "videomae", "videomae", labels=CLASSES))
    arguments = ["--peer", "videomae", "--views", "2x1", "--output", str(tmp_path / "out")]
    assert main(["evaluate", folder, str(videos), *arguments]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["n_evaluated"], report["labels"]) == (8, list(CLASSES))


@needs_torchvision
def test_torchvision_beside_lightning(videos: Path, tmp_path: Path) -> None:
    """In a process of its own, where nothing of torchvision is loaded yet."""
    command = [sys.executable, "-m", "videoswin.cli.main", "train", "--peer", "mc3_18", *RUN]
    command += ["--data.train", str(videos), "--output", str(tmp_path / "run"), "--drop_path_rate", "0"]
    command += ["--clip.num_frames", "4", "--clip.size", "32"]
    finished = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": FOLDER}
    )
    assert finished.returncode == 0, finished.stderr
    assert "model: mc3_18, 11,491,266 parameters" in finished.stderr
    assert (tmp_path / "run" / "last.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--peer", "resnet"], "peer is 'resnet', allowed: empty (Video Swin), r3d_18, "),
        (["--peer", "vivit", "--model.num_classes", "3"], "model is SwinConfig("),
        (["--peer", "vivit", "--inflation.bias", "center"], "inflation is Inflation("),
        (
            ["--peer", "r3d_18", "--drop_path_rate", "0.2"],
            "drop_path_rate is 0.2, allowed: 0 with peer r3d_18, which has no stochastic depth",
        ),
        (["--peer", "r3d_18", "--recompute_stages", "2"], "recompute_stages is 2, allowed: 0 with peer"),
    ],
)
def test_what_means_nothing_for_a_peer_is_refused(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data.train", "videos", *arguments]) == 2
    assert f"error: {line}" in capsys.readouterr().err
