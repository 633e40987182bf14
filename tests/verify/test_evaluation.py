"""The short version of `videoswin verify eval`, and that it finds what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from videoswin.errors import ConfigError
from videoswin.verify import evaluation
from videoswin.verify.evaluation import EvaluationConfig, outcome_name, verify_evaluation


def test_every_video_once_for_any_number_of_processes() -> None:
    """Guarantee G7: also with fewer videos than processes, and an empty list."""
    config = EvaluationConfig(videos=5, processes=2, batch_size=2)
    checks = verify_evaluation(config, progress=lambda what: None)
    assert [(check.what, check.result) for check in checks] == [
        ("same bytes: 1 process", "kept"),
        ("same bytes: 2 processes", "kept"),
        ("each video once", "kept"),
        ("numbers again", "kept"),
    ]
    assert checks[1].numbers.startswith("12 of 12 evaluations of 0 to 5 videos")


def test_differences_and_lost_videos_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def pretend(folder: Path, world: int, config: EvaluationConfig) -> list[str]:
        """Reports that count one video less than listed, and with two processes two less."""
        for count in range(config.videos + 1):
            text = f'{{"n_listed": {count - world}, "n_evaluated": {count - world}, "bad": []}}'
            (folder / str(world) / f"{outcome_name(count, 1)}.json").write_text(text)
        return []

    monkeypatch.setattr(evaluation, "_run", pretend)
    monkeypatch.setattr(evaluation, "_check_predictions", lambda folder, config: None)
    config = EvaluationConfig(videos=2, processes=2, batch_size=1)
    same, different, counts, _ = verify_evaluation(config, progress=lambda what: None)
    assert same.result == "kept"
    assert (different.result, different.numbers[:10]) == ("broken", "0 of 3 eva")
    assert counts.result == "broken"
    assert "1 videos: listed, evaluated, bad are (0, 0, 0) (and 2 more)" in counts.numbers


def test_a_job_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "WEIGHTS", "absent/micro.safetensors")
    with pytest.raises(Exception, match="absent"):
        verify_evaluation(EvaluationConfig(videos=1, processes=1, batch_size=1), progress=lambda what: None)


@pytest.mark.parametrize("name", ["videos", "processes", "batch_size"])
def test_config_is_checked(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 0; allowed: 1 or more"):
        EvaluationConfig(**{name: 0})
