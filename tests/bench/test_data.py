"""The benchmark of decoding runs, compares frames and names what is missing; speeds are never asserted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.material import write_video
from videoswin.bench.data import DataBenchConfig, run
from videoswin.bench.decoders import ours
from videoswin.cli.main import main
from videoswin.errors import ConfigError


@pytest.fixture
def video(tmp_path: Path) -> str:
    return str(write_video(tmp_path / "a.mp4", num_frames=80, options={"g": "12", "bf": "2"}))


def test_the_tables(video: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "data", video, "--clips", "1", "--model-rate", "10", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [arm["name"] for arm in report["results"]["decoders"]] == ["videoswin"]
    assert report["results"]["decoders"][0]["note"] == "same frames"
    assert [arm["name"] for arm in report["results"]["views"]] == ["one decode", "12 decodes"]
    assert report["results"]["views"][1]["note"] == ""
    assert [len(arm["cpu_seconds"]) for arm in report["results"]["loader"]] == [3, 3]
    assert report["cores"] > 0


def test_our_arm_reads_the_frames_asked_for(video: str) -> None:
    assert ours(video, np.array([3, 70]), 32).shape == (2, 32, 48, 3)


@pytest.mark.parametrize(
    ("option", "package"),
    [("decord2", "decord2"), ("opencv", "opencv-python-headless"), ("torchcodec", "torchcodec")],
)
def test_a_peer_that_is_not_in_its_folder_is_named(
    video: str, tmp_path: Path, option: str, package: str
) -> None:
    folders = {"decord2": "", "opencv": "", "torchcodec": "", option: str(tmp_path)}
    with pytest.raises(ConfigError, match=f"{package} cannot be imported from '{tmp_path}'"):
        list(run(DataBenchConfig(files=(video,), **folders)))


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(ConfigError, match="bench data needs files, and at least one clip and one worker"):
        list(run(DataBenchConfig(files=())))
