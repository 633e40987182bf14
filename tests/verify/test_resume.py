"""A short version of `videoswin verify resume`."""

from __future__ import annotations

from pathlib import Path

import pytest

from videoswin.errors import ConfigError
from videoswin.verify import job
from videoswin.verify.job import TrainingJob, differences, last_line, steps_saved, write_job_videos
from videoswin.verify.resume import ResumeConfig, verify_resume


def test_g1_t01_a_run_that_is_killed_twice_ends_as_one_that_is_not() -> None:
    said: list[str] = []
    (check,) = verify_resume(ResumeConfig(kills=2, points=False, seed=0), progress=said.append)
    assert (check.result, check.what) == ("kept", "killed at random")
    assert check.numbers.startswith("2 times in ")
    assert said[0] == "the run that nobody kills"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_g3_t02_a_run_is_killed_at_every_point_of_a_save() -> None:
    checks = verify_resume(ResumeConfig(kills=0, points=True, seed=1))
    assert [check.numbers for check in checks if check.result != "kept"] == []
    assert len(checks) == 15


@pytest.mark.parametrize("change", [{"kills": -1}, {"seed": -1}])
def test_wrong_numbers_are_named(change: dict[str, int]) -> None:
    (name,) = change
    with pytest.raises(ConfigError, match=f"^{name} is -1; allowed: 0 or more$"):
        ResumeConfig(**({"kills": 1, "points": True, "seed": 0} | change))  # type: ignore[arg-type]


def test_the_job_has_what_it_says(tmp_path: Path) -> None:
    videos = write_job_videos(tmp_path / "videos")
    found = sorted(path.name for path in videos.rglob("*.mp4"))
    assert len(found) == 2 * job.VIDEOS_PER_CLASS + 1
    training = TrainingJob(videos=videos, epochs=4, options=job.LIVELY)
    assert training.num_updates == 12
    arguments = training.arguments(tmp_path / "out", "--seed", "3")
    assert arguments[0] == "train"
    assert arguments[-2:] == ["--seed", "3"]


def test_two_runs_without_files_have_no_checkpoint_to_compare(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    assert differences(tmp_path / "one", tmp_path / "other") == ["the last checkpoint"]
    (tmp_path / "one" / "metrics.csv").write_text("step\n")
    assert differences(tmp_path / "one", tmp_path / "other") == ["metrics.csv", "the last checkpoint"]
    assert steps_saved(tmp_path / "one") == []


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    assert last_line(tmp_path / "log") == "nothing printed"
    (tmp_path / "log").write_text("first\nlast\n\n")
    assert last_line(tmp_path / "log") == "last"
