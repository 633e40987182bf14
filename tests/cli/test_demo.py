"""`videoswin demo`, end to end in this process, with a data set too small to learn from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.conftest import SMALL_SIZE
from videoswin.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("videoswin.demo.run.FULL_SIZE", SMALL_SIZE)
    return tmp_path / "demo"


def test_prints_the_results_and_the_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--output", str(folder), "--seed", "1"]) == 0
    out = capsys.readouterr().out
    for words in ("frames in order", "shuffled", "chance", "all classes", "order-dependent classes"):
        assert words in out
    assert out.splitlines()[-1] == f"report: {folder / 'report.html'}"
    assert (folder / "report.html").is_file()


def test_a_terminal_sees_bars(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal
    assert main(["demo", "--output", str(folder)]) == 0
    error = capsys.readouterr().err
    assert "rendering" in error
    assert "evaluating" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "first"], "seed"),
        (["--seed", "-1"], "seed is -1, allowed: 0 or more"),
        (["--output", "{file}"], "is a file"),
        (["--epochs", "3"], "epochs"),
    ],
)
def test_wrong_options_end_with_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    folder.write_text("not a folder")
    given = [option.format(file=folder) for option in options]
    if "--output" not in given:
        given += ["--output", str(folder.with_name("other"))]
    assert main(["demo", *given]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert message in error
    assert "\n" not in error


def test_help_is_quick_and_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--help"])
    assert stop.value.code == 0
    assert {"--output", "--seed"} <= set(capsys.readouterr().out.replace(",", " ").split())
