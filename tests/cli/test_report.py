from __future__ import annotations

from pathlib import Path

import pytest

from videoswin.cli.main import main


def test_the_page_is_made_from_the_folder_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("seed: 7\n")
    (tmp_path / "metrics.csv").write_text("step,epoch,val/loss,val/top1\n9,0,0.5,0.75\n")
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path}/report.html\n"
    assert "75.0%" in (tmp_path / "report.html").read_text()


def test_another_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path} is not the folder of a run: it has no config.yaml\n"
    )
