from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.train.material import micro_config
from videoswin.errors import ConfigError
from videoswin.train.run import train
from videoswin.train.trial import trial_of


def test_a_trial_goes_all_the_way_and_keeps_nothing(
    videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    output = tmp_path / "run"
    result = train(replace(micro_config(videos, output, test=videos), fast_dev_run=True))
    assert not output.exists()
    assert not result.output.exists()
    assert any(line.startswith("data: 3 training and 2 validation videos") for line in caplog.messages)
    assert caplog.messages[-1].startswith("fast_dev_run: everything worked once")


def test_a_trial_that_fails_leaves_nothing_either(tmp_path: Path) -> None:
    config = replace(micro_config(tmp_path, tmp_path / "run"), fast_dev_run=True)
    seen: list[Path] = []

    def fail() -> None:
        with trial_of(config) as trial:
            seen.append(Path(trial.output))
            assert seen[0].is_dir()
            raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        fail()
    assert not seen[0].exists()


def test_other_runs_are_left_as_they_are(tmp_path: Path) -> None:
    config = micro_config(tmp_path, tmp_path / "run")
    with trial_of(config) as same:
        assert same is config
