"""G6: what reads videos changes nothing among them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from videoswin.data.rows import VIDEO_EXTENSIONS
from videoswin.errors import ConfigError
from videoswin.verify import readonly as module
from videoswin.verify.readonly import Command, commands, verify_readonly
from videoswin.verify.tree import look


@pytest.mark.slow
def test_g6_every_verb_leaves_the_videos_as_they_are() -> None:
    told: list[str] = []
    checks = verify_readonly("", progress=told.append)
    assert [check for check in checks if check.result == "broken"] == []
    assert told == ["data check", "data stats", "data view", "train", "evaluate", "predict"]
    assert [check.what for check in checks] == told


def test_g6_videos_that_can_not_be_written_to_are_read(tmp_path: Path) -> None:
    videos, output = module._write_videos(tmp_path / "videos"), tmp_path / "output"
    output.mkdir()
    with ExitStack() as stack:
        how = module._protect(videos, stack)
        before = look(videos)
        assert before["left/h264.mp4"][0] & 0o222 == 0
        checked, _, viewed, *_ = commands(videos, output)
        for command in (checked, viewed):
            check = module._run(command, videos, before, output=output, how=how)
            assert check.result == "kept", check
    assert (videos / "left/h264.mp4").stat().st_mode & 0o200


def test_a_missing_package_is_no_broken_promise(tmp_path: Path) -> None:
    (tmp_path / "jsonargparse.py").write_text(
        "from videoswin.packages import require\nrequire(['nothing'], purpose='it', extra='x')\n"
    )
    command = Command(name="it", arguments=["data", "check", str(tmp_path)])
    check = module._run(command, tmp_path, look(tmp_path), output=tmp_path, how="looked at")
    assert (check.result, check.numbers) == (
        "not tried",
        "error: it needs nothing: pip install 'videoswin[x]'",
    )


def test_a_change_and_a_failure_are_seen(tmp_path: Path) -> None:
    videos, output = module._write_videos(tmp_path / "videos"), tmp_path / "output"
    output.mkdir()
    before = look(videos)

    def result(*arguments: str) -> str:
        command = Command(name="it", arguments=arguments)
        check = module._run(command, videos, before, output=output, how="looked at")
        return f"{check.result}: {check.numbers}"

    counts = f"{len(before)} files and folders, looked at; exit code"
    assert result("--version") == f"kept: {counts} 0"
    assert result("nonsense").startswith(f"broken: {counts} 2: error: unknown verb 'nonsense'")
    inside = str(videos / "left/a.csv")
    assert result("data", "check", str(videos), "--ledger", inside).startswith(f"broken: {counts} 3: left")


def test_the_videos_have_damaged_ones_and_all_are_predicted(tmp_path: Path) -> None:
    videos = module._write_videos(tmp_path / "videos")
    predict = commands(videos, tmp_path)[-1]
    named = [Path(argument).name for argument in predict.arguments if argument.endswith(VIDEO_EXTENSIONS)]
    assert len(named) == 22
    assert named.count("cut.mp4") == named.count("empty.mp4") == 2


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data is .*gone; expected a folder with a folder of videos"):
        verify_readonly(str(tmp_path / "gone"))
