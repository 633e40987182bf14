"""`videoswin predict`, end to end in this process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.predict.material import LABELS, write_page, write_video, write_weights
from videoswin.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    write_weights(folder / "micro.safetensors")
    for seed in range(2):
        write_video(folder / f"{seed}.mp4", seed=seed)
    write_page(folder / "page.mp4")
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are given as a user in that folder gives them."""
    monkeypatch.chdir(folder)


def predict(*arguments: str) -> int:
    fixed = ["--views", "1x3", "--device", "cpu", "--precision", "fp32"]
    return main(["predict", "micro.safetensors", *fixed, *arguments])


def test_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("0.mp4", "1.mp4") == 0
    out, err = capsys.readouterr()
    blocks = out.strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["0.mp4", "1.mp4"]
    for block in blocks:
        assert "1x3 views, decode " in block.splitlines()[1]
        rows = [line.split() for line in block.splitlines()[2:]]
        assert sorted(row[0] for row in rows) == sorted(LABELS)
        shares = [float(row[1].rstrip("%")) for row in rows]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(100, abs=0.2)
    assert err == ""


def test_json_lines_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("0.mp4", "1.mp4", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["path"] for row in rows] == ["0.mp4", "1.mp4"]
    for row in rows:
        assert row.keys() == {"path", "predictions", "views", "seconds"}
        assert row["views"] == "1x3"
        assert row["seconds"].keys() == {"decode", "model"}
        assert {entry["label"] for entry in row["predictions"]} == set(LABELS)
        assert sum(entry["probability"] for entry in row["predictions"]) == pytest.approx(1, abs=1e-6)


def test_auto_says_once_what_it_chose(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("0.mp4", "1.mp4", "--precision", "auto") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(("precision bf16: ", "precision fp32: "))


@pytest.mark.parametrize(("top", "shown"), [("1", 1), ("2", 2), ("99", 3)])
def test_top(capsys: pytest.CaptureFixture[str], top: str, shown: int) -> None:
    assert predict("0.mp4", "--json", "--top", top) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == shown


def test_a_bad_video_has_one_line_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("0.mp4", "page.mp4", "absent.mp4", "1.mp4") == 3
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.endswith(".mp4")] == ["0.mp4", "1.mp4"]
    page, absent, summary = err.splitlines()
    assert page.startswith("error: [V05] page.mp4: ")
    assert absent.startswith("error: [V34] absent.mp4: ")
    assert summary == "2 of 4 videos could not be used"


def test_a_bad_video_is_an_error_object_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("page.mp4", "0.mp4", "--json") == 3
    out, err = capsys.readouterr()
    bad, good = map(json.loads, out.splitlines())
    assert bad.keys() == {"path", "error"}
    assert (bad["path"], bad["error"]["code"]) == ("page.mp4", "V05")
    assert bad["error"]["reason"] in err
    assert good["path"] == "0.mp4"


def test_a_damaged_real_video_has_one_line(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = shared / "data" / "clips" / "broken" / "decord_corrupted.mp4"
    assert main(["predict", "micro.safetensors", str(video)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "decord_corrupted.mp4: " in err
    assert err.startswith("error: [V0")
    assert err.count("\n") == 1


def test_a_folder_stands_for_all_videos_below_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b/1.mp4", "a.mp4", "b/.hidden.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "0.mp4", tmp_path / name)
    shutil.copy(folder / "page.mp4", tmp_path / "b" / "page.mp4")
    (tmp_path / "notes.txt").write_text("no video")
    assert predict(str(tmp_path), "1.mp4", "--json") == 3
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    below = [str(tmp_path / name) for name in ("a.mp4", "b/1.mp4", "b/page.mp4")]
    assert [row["path"] for row in rows] == [*below, "1.mp4"]
    assert ["error" in row for row in rows] == [False, False, True, False]
    assert rows[0]["predictions"] == rows[1]["predictions"] != rows[3]["predictions"]
    assert err.endswith("1 of 4 videos could not be used\n")


def test_a_folder_without_videos_is_an_error_that_names_what_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.txt", "b.txt", "c.json"):
        (tmp_path / name).write_text("no video")
    assert predict(str(tmp_path)) == 2
    assert f"no videos under {tmp_path} (extensions seen: 2 .txt, 1 .json; known: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("line\nend.mp4", r"line\nend.mp4"),
        ("[red]x.mp4", "[red]x.mp4"),
        ("latin\udce9.mp4", r"latin\udce9.mp4"),
    ],
)
def test_odd_names_are_shown_escaped(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, shown: str
) -> None:
    write_video(folder / "odd.mp4", seed=3).rename(folder / name)
    assert predict(name) == 0
    assert capsys.readouterr().out.splitlines()[0] == shown
    assert predict(name, "--json") == 0
    assert json.loads(capsys.readouterr().out)["path"] == name
    (folder / name).unlink()


def test_refused_weights_end_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "page.mp4", "0.mp4"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: page.mp4: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--views", "4"], "views are '4'; allowed: CLIPSxCROPS"),
        (["--views", "4x2"], "views ask for 2 crops; allowed: 1"),
        (["--top", "0"], "top is 0; allowed: 1 or more"),
        (["--device", "gpu"], "device 'gpu' can't be used"),
        (["--precision", "int4"], "precision"),
        (["--tpo", "3"], "did you mean --top?"),
    ],
)
def test_wrong_usage_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["predict", "micro.safetensors", "0.mp4", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_untrusted_videos_get_the_same_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("0.mp4", "page.mp4", "--json") == 3
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert predict("0.mp4", "page.mp4", "--json", "--untrusted") == 3
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row in (expected[0], rows[0]):
        row.pop("seconds")
    assert rows == expected
