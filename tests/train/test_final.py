"""The evaluation at the end of a run."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.train.material import CLIP, micro_config, write_video, write_videos
from videoswin.errors import AnnotationError, ConfigError, DatasetError
from videoswin.evaluate import EvaluateConfig, evaluate
from videoswin.train import final
from videoswin.train.datamodule import read_splits
from videoswin.train.final import plan_evaluation
from videoswin.train.run import train
from videoswin.values import ClipSpec, Views


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos of the two classes, and one that can't be read."""
    folder = write_videos(tmp_path_factory.mktemp("test") / "videos", per_class=2)
    (folder / "dark" / "torn.mp4").write_bytes((folder / "dark" / "0.mp4").read_bytes()[:300])
    return folder


def test_the_last_weights_are_evaluated_with_the_views_asked_for(
    videos: Path, tests: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    result = train(micro_config(videos, tmp_path / "out", test=tests, views="2x5"))
    assert result.evaluation == tmp_path / "out" / "evaluation"
    assert sorted(path.name for path in result.evaluation.iterdir()) == [
        "confusion.png",
        "predictions.parquet",
        "report.json",
    ]
    report = json.loads((result.evaluation / "report.json").read_text())
    assert (report["views"], report["weights"], report["data"]) == ("2x5", str(result.last), str(tests))
    assert (report["n_listed"], report["n_evaluated"]) == (5, 4)
    again = evaluate(result.last, tests, EvaluateConfig(views=Views(clips=2, crops=5), num_workers=0))
    assert report["top1"] == again.metrics.top1
    assert [message for message in caplog.messages if message.startswith("test:")] == [
        f"test: top-1 {again.metrics.top1:.1%}, top-2 80.0% of 5 videos, 1 of them unreadable, 2x5 views, "
        f"{result.last}; report: {result.evaluation}"
    ]


@pytest.mark.parametrize(
    ("clip", "views", "found"),
    [
        (CLIP, "", "4x3"),
        (CLIP, "10x5", "10x5"),
        (replace(CLIP, sampling="uniform"), "", "1x3"),
        (replace(CLIP, sampling="uniform"), "1x1", "1x1"),
    ],
)
def test_views_follow_the_sampling(clip: ClipSpec, views: str, found: str, tests: Path) -> None:
    config = micro_config(Path("videos"), Path("out"), test=tests, views=views)
    plan = plan_evaluation(config, clip=clip)
    assert plan is not None
    assert str(plan.views) == found


def test_without_videos_to_test_on_nothing_is_planned() -> None:
    uniform = replace(CLIP, sampling="uniform")
    config = micro_config(Path("videos"), Path("out"), views="4x3")
    assert plan_evaluation(config, clip=uniform) is None


@pytest.mark.parametrize(("training", "planned"), [("fp32", "fp32"), ("bf16", "bf16"), ("fp16", "fp32")])
def test_the_evaluation_computes_as_the_training_or_better(training: str, planned: str, tests: Path) -> None:
    config = replace(micro_config(Path("videos"), Path("out"), test=tests), precision=training)
    plan = plan_evaluation(config, clip=CLIP)
    assert plan is not None
    assert plan.precision == planned


def test_what_can_not_be_evaluated_is_refused_before_the_training(
    videos: Path, tests: Path, tmp_path: Path
) -> None:
    uniform = replace(CLIP, sampling="uniform")
    with pytest.raises(ConfigError, match="views ask for 4 clips, but with uniform sampling"):
        train(micro_config(videos, tmp_path / "a", test=tests, views="4x3", clip=uniform))
    with pytest.raises(AnnotationError, match="nowhere"):
        train(micro_config(videos, tmp_path / "b", test=tmp_path / "nowhere"))
    (tmp_path / "other" / "grey").mkdir(parents=True)
    write_video(tmp_path / "other" / "grey" / "0.mp4", brightness=120, seed=0)
    with pytest.raises(AnnotationError, match="grey"):
        train(micro_config(videos, tmp_path / "c", test=tmp_path / "other"))
    with pytest.raises(ConfigError, match="is inside the videos of"):
        train(micro_config(videos, tests / "out", test=tests))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_what_is_odd_about_the_videos_is_said_once_before_the_training(
    videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "test" / "bright").mkdir(parents=True)
    write_video(tmp_path / "test" / "bright" / "0.mp4", brightness=190, seed=9)
    config = micro_config(videos, tmp_path / "out", test=tmp_path / "test")
    read_splits(config.data, known_labels=(), seed=0)
    assert plan_evaluation(config, clip=CLIP) is not None
    assert caplog.text.count("1 of 2 classes have no video: dark") == 1


def test_a_failed_evaluation_leaves_the_weights(videos: Path, tmp_path: Path) -> None:
    torn = write_videos(tmp_path / "torn", per_class=1)
    for video in torn.rglob("*.mp4"):
        video.write_bytes(b"<html>")
    with pytest.raises(DatasetError, match="none of 2 videos could be read"):
        train(micro_config(videos, tmp_path / "out", test=torn, epochs=1))
    assert (tmp_path / "out" / "last.safetensors").exists()


def test_a_long_evaluation_says_where_it_is(
    videos: Path,
    tests: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(final, "STATUS_SECONDS", 0.0)
    caplog.set_level(logging.INFO, "videoswin.train")
    train(micro_config(videos, tmp_path / "out", test=tests, epochs=1))
    assert [line for line in caplog.messages if line.startswith("test: ")][:-1] == [
        f"test: {done} of 5 videos" for done in range(6)
    ]
