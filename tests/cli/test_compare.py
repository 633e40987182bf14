"""`videoswin compare`, end to end in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.predict.material import LABELS, write_page, write_video, write_weights
from videoswin.cli.main import main


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the evaluations one and two (of other weights, with labels in another order)."""
    folder = tmp_path_factory.mktemp("compare")
    write_weights(folder / "one.safetensors")
    write_weights(folder / "two.safetensors", seed=4, labels=tuple(reversed(LABELS)))
    for seed in range(6):
        write_video(folder / "videos" / LABELS[seed % 3] / f"{seed}.mp4", seed=seed)
    write_page(folder / "videos" / "run" / "page.mp4")
    for name in ("one", "two"):
        arguments = [f"{folder}/{name}.safetensors", f"{folder}/videos", "--views", "1x3"]
        assert main(["evaluate", *arguments, "--num_workers", "0", "--output", f"{folder}/{name}"]) == 3
    return folder


@pytest.fixture
def here(evaluated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(evaluated)
    return evaluated


def test_tables_and_files(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "one", "two", "one", "--output", f"{tmp_path}/out"]) == 0
    out = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    reports = [json.loads((here / name / "report.json").read_text()) for name in ("one", "two", "one")]
    assert [run["top1"] for run in found["runs"]] == [report["top1"] for report in reports]
    first, same = found["comparisons"]
    counts = first["agreement"]
    change = counts["only_second"] - counts["only_first"]
    assert reports[1]["top1"] - reports[0]["top1"] == pytest.approx(change / 7)
    assert (len(first["lost"]), len(first["gained"])) == (counts["only_first"], counts["only_second"])
    assert same["agreement"]["p_value"] == 1.0
    for name in ("one", "two"):
        assert any(line.split()[:1] == [name] for line in out.splitlines())
    assert f"{reports[1]['top1']:.2%}" in out
    for text in ("top-1", "top-3", "mean class", "McNemar p", "two: the classes that changed most"):
        assert text in out
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert f"wrote {tmp_path}/out/compare.png" in out


def test_json_is_all_that_is_printed(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "one/predictions.parquet", "two", "--json", "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == json.loads((tmp_path / "compare.json").read_text())
    assert {change["label"] for change in json.loads(out)["comparisons"][0]["classes"]} == set(LABELS)


def test_an_old_comparison_is_kept(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "one", "two", "--output", str(tmp_path)]) == 0
    assert main(["compare", "one", "two", "--output", str(tmp_path)]) == 2
    assert "holds a comparison already; overwrite it with --force" in capsys.readouterr().err
    assert main(["compare", "one", "two", "--output", str(tmp_path), "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one"], "1 evaluation is named; allowed: 2 or more"),
        (["one", "videos"], "videos holds no predictions.parquet; allowed: the output of videoswin evaluate"),
        (["one", "absent"], "absent: cannot be read"),
        (["one", "one.safetensors"], "one.safetensors: not the predictions of an evaluation"),
        (["one", "two", "--videos", "-1"], "videos is -1; allowed: 0 or more"),
    ],
)
def test_wrong_usage_ends_with_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["compare", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_other_videos_are_named_with_the_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "few.csv").write_text("path,label\nvideos/run/1.mp4,run\n")
    arguments = ["one.safetensors", "few.csv", "--views", "1x3", "--num_workers", "0"]
    assert main(["evaluate", *arguments, "--output", "few", "--force"]) == 0
    capsys.readouterr()
    assert main(["compare", "one", "few"]) == 2
    assert "one and few: the runs are of different videos" in capsys.readouterr().err
