from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.data.pool import Lost
from videoswin.errors import ConfigError
from videoswin.verify import fuzz as module
from videoswin.verify.clips import KINDS, write_clips
from videoswin.verify.examine import Finding, Task
from videoswin.verify.fuzz import LIMITS, Case, FuzzConfig, Summary, damaged_clip, fuzz, list_sources


def config(count: int, *, source: str = "", output: str = "", seed: int = 0) -> FuzzConfig:
    return FuzzConfig(count=count, seed=seed, source=source, output=output, num_workers=1)


def run(count: int, source: str = "") -> Summary:
    cases = list(fuzz(config(count, source=source)))
    assert sorted(case.number for case in cases) == list(range(count))
    assert [case for case in cases if case.is_offender] == []
    return Summary.of(cases)


def test_g8_a_thousand_damaged_clips_break_nothing() -> None:
    summary = run(1000)
    assert summary.outcomes["ok"] < 400  # most damage is found
    assert {"V02", "V03", "V04", "V05"} <= summary.outcomes.keys()
    assert summary.peak_bytes < LIMITS.max_memory
    assert summary.slowest_seconds < LIMITS.max_wall_seconds


@pytest.mark.slow
def test_g8_damaged_real_clips_break_nothing(shared: Path) -> None:
    assert sum(run(1000, source=str(shared / "data/clips")).outcomes.values()) == 1000


def test_clips_of_all_kinds_are_damaged_alike_each_time(tmp_path: Path) -> None:
    paths = write_clips(tmp_path)
    assert [path.name for path in paths] == list(KINDS)
    assert list_sources(str(tmp_path)) == sorted(paths)
    contents = {path: path.read_bytes() for path in paths}
    made = [damaged_clip(contents, seed=1, number=number) for number in range(60)]
    assert made == [damaged_clip(contents, seed=1, number=number) for number in range(60)]
    assert {source for _, source, _ in made} == set(paths)


def misbehave(task: Task) -> Finding:
    """Stands in for a reader with every fault that is looked for, by the number of the clip."""
    number = int(Path(task.path).name.split("-")[0])
    if number == 1:
        os.abort()
    problem = "ValueError: 31 is not a valid Type" if number == 2 else ""
    return Finding(outcome="crash" if problem else "ok", problem=problem, seconds=1.5, peak_bytes=number)


def test_what_breaks_the_reader_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4", num_frames=2)
    monkeypatch.setattr(module, "examine", misbehave)
    cases = list(fuzz(config(4, source=str(tmp_path), output=str(tmp_path / "kept"))))
    offenders = {case.number: case for case in cases if case.is_offender}
    assert offenders.keys() == {1, 2}
    assert offenders[1].finding.outcome == "lost"
    assert "SIGABRT" in offenders[1].finding.problem
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert kept == ["000001-a.mp4", "000002-a.mp4"]
    again, _, _ = damaged_clip({tmp_path / "a.mp4": (tmp_path / "a.mp4").read_bytes()}, seed=0, number=2)
    assert (tmp_path / "kept" / kept[1]).read_bytes() == again
    assert Summary.of(cases) == Summary(
        outcomes={"ok": 2, "lost": 1, "crash": 1}, num_offenders=2, peak_bytes=3, slowest_seconds=1.5
    )


def test_a_lost_process_is_an_offender() -> None:
    finding = module._lost(Lost(reason="stopped after 60 s"))
    assert Case(number=0, source="a", mutation="", finding=finding).is_offender


def test_what_can_not_be_run(tmp_path: Path) -> None:
    for field in ("count", "num_workers"):
        with pytest.raises(ConfigError, match=f"{field} is 0; allowed: 1 or more"):
            FuzzConfig(**{**dict(count=1, seed=0, source="", output="", num_workers=1), field: 0})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no video files"):
        list(fuzz(config(1, source=str(tmp_path))))
