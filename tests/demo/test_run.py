from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.demo.conftest import SMALL_SIZE
from videoswin import weights
from videoswin.demo.motion import MOTIONS
from videoswin.demo.outcome import CHANCE
from videoswin.demo.run import FULL_SIZE, DemoSize, run_demo, train_config
from videoswin.demo.story import Story
from videoswin.errors import ConfigError


def ignore(step: str, done: int, total: int) -> None:
    pass


def test_everything_is_written(story: Story) -> None:
    files = {str(path.relative_to(story.folder)) for path in story.folder.rglob("*") if path.is_file()}
    assert {
        "report.html",
        "data/test/zoom_in/000.mp4",
        "data/test_shuffled/zoom_in/000.mp4",
        "run/config.yaml",
        "run/curves.png",
        "run/last.safetensors",
        "evaluation/report.json",
        "evaluation/confusion.png",
        "evaluation_shuffled/report.json",
    } <= files


def test_weights_know_the_classes_and_the_clip(story: Story) -> None:
    saved = weights.read(story.trained.last)
    assert saved.labels == tuple(MOTIONS)
    assert saved.clip == story.config.clip
    assert story.num_parameters == 320_006


def test_both_evaluations_see_every_test_clip(story: Story) -> None:
    for test in (story.ordered, story.shuffled):
        assert test.report.metrics.num_evaluated == len(MOTIONS) * SMALL_SIZE.counts.test
        assert test.report.bad == ()
        assert test.outcome.all_classes == pytest.approx(test.report.metrics.top1)
    assert not torch.equal(story.ordered.report.probabilities, story.shuffled.report.probabilities)


def test_prediction_agrees_with_the_evaluation(story: Story) -> None:
    report = story.ordered.report
    index = [str(sample.file) for sample in report.samples].index(story.prediction.path)
    best = int(report.probabilities[index].argmax())
    assert story.prediction.labels[0] == report.labels[best]
    assert story.prediction.probabilities[0] == pytest.approx(
        float(report.probabilities[index, best]), abs=1e-5
    )


def test_times_of_all_steps(story: Story) -> None:
    assert list(story.seconds) == ["render", "train", "evaluate", "shuffle", "predict"]
    assert all(seconds > 0 for seconds in story.seconds.values())
    assert "cores" in story.machine


def test_labels_that_name_a_direction_are_not_flipped() -> None:
    config = train_config(Path("videos"), Path("run"), seed=0, epochs=FULL_SIZE.epochs)
    assert config.augment.flip_probability == 0


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds files already \(notes.txt\)"):
        run_demo(str(tmp_path), seed=0, size=SMALL_SIZE, progress=ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_wrong_seed_ends_before_anything_is_rendered(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed is -1, allowed: 0 or more"):
        run_demo(str(tmp_path / "demo"), seed=-1, size=SMALL_SIZE, progress=ignore)
    assert not (tmp_path / "demo" / "data").exists()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("seed", "size"), [(0, FULL_SIZE)])
def test_learns_motion_and_needs_the_order_of_time(tmp_path: Path, seed: int, size: DemoSize) -> None:
    story = run_demo(str(tmp_path / "demo"), seed=seed, size=size, progress=ignore)
    assert story.ordered.outcome.all_classes >= 0.95
    assert story.ordered.outcome.pair_choice >= 0.95
    assert abs(story.shuffled.outcome.pair_choice - CHANCE.pair_choice) < 0.12
