"""Processes of a job end together and with the same words. Real processes, found together by torchrun."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.evaluate.processes import run
from tests.predict.material import LABELS, write_video, write_weights
from videoswin import ranks
from videoswin.errors import ConfigError, RankLostError
from videoswin.evaluate.job import first_does, fix_arithmetic, gather, is_member, job, together


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights, three videos and two lists of them in another order."""
    place = tmp_path_factory.mktemp("job")
    write_weights(place / "micro.safetensors")
    for seed in range(3):
        write_video(place / f"{seed}.mp4", seed=seed)
    rows = [f"{seed}.mp4,{LABELS[seed]}\n" for seed in range(3)]
    (place / "list0.csv").write_text("path,label\n" + "".join(rows))
    (place / "list1.csv").write_text("path,label\n" + "".join(reversed(rows)))
    return place


def test_without_a_job_everything_is_done_here() -> None:
    with job():
        assert gather("a") == ["a"]
        assert first_does(lambda: 3) == 3
        with pytest.raises(ConfigError, match=r"^wrong$"), together():
            raise ConfigError("wrong")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("all_agree", {rank: "[0, 1, 2] 0" for rank in range(3)}),
        ("second_fails", {rank: "DecodeError: [V05] a.mp4: an HTML page" for rank in range(3)}),
        ("all_fail", {rank: "ConfigError: of process 0" for rank in range(3)}),
        ("first_fails", {rank: "ConfigError: no place" for rank in range(3)}),
    ],
)
def test_all_processes_end_alike(case: str, words: dict[int, str]) -> None:
    assert run(case, num_processes=3) == words


def test_another_list_on_another_machine_is_refused(folder: Path) -> None:
    words = run("second_reads_another_list", folder=folder)
    assert len(words) == 2
    for text in words.values():
        assert text.startswith("AnnotationError: ")
        assert text.endswith(": the processes of the job read different lists")


def test_an_error_in_the_middle_of_one_process_ends_all(folder: Path) -> None:
    words = run("second_has_bad_scores", folder=folder)
    assert words.keys() == {0, 1}
    assert words[0] == words[1]
    assert words[0].startswith("WeightsError: the model's scores are NaN or infinite")


@pytest.mark.parametrize("case", ["second_is_killed", "second_is_stuck"])
def test_nobody_waits_for_a_process_that_is_gone(case: str) -> None:
    """Guarantee G14, of evaluation."""
    start = time.monotonic()
    words = run(case)
    assert time.monotonic() - start < 60
    # The launcher may end the first process before it can speak.
    for rank, text in words.items():
        assert (rank, "RankLostError: process 0 of 2: another one is gone" in text) == (0, True)
    if case == "second_is_stuck":
        assert words.keys() == {0}


def test_processes_that_do_not_find_each_other_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert is_member()
    with pytest.raises(RankLostError, match=r"don't find each other: .*MASTER_ADDR"), job():
        pass
    assert ranks.world_size() == 1


def test_what_the_user_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    fix_arithmetic()
    assert os.environ["MKL_CBWR"] == "COMPATIBLE"
    monkeypatch.delenv("MKL_CBWR")
    fix_arithmetic()
    assert os.environ["MKL_CBWR"].endswith(",STRICT")
