from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.material import read_numbers, write_video
from videoswin.cli.data import main
from videoswin.data.annotations import read_annotations
from videoswin.data.augment import Augment
from videoswin.data.dataset import BadVideo
from videoswin.data.loader import shuffled
from videoswin.data.view import Shown, epoch_pairs, test_clips, training_clips
from videoswin.errors import ConfigError, DatasetError
from videoswin.values import ClipSpec, Views

test_clips.__test__ = False  # type: ignore[attr-defined]

CLIP = ClipSpec(num_frames=4, stride=2, size=64)
STILL = Augment(crop_area=(1, 1), flip_probability=0)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    for label, count in (("cut", 3), ("fold", 1)):
        (folder / label).mkdir()
        for number in range(count):
            write_video(folder / label / f"{number}.mp4", num_frames=20 + number, height=64, width=64)
    (folder / "fold" / "bad.mp4").write_bytes(b"<html>")
    return folder


def test_stats(classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "stats.png"
    assert main(["stats", str(classes), "--json", "--output", str(picture)]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == {"cut": 3, "fold": 2}
    assert (found["num_videos"], found["num_bad"], found["num_samples"]) == (5, 1, 5)
    assert found["sizes"] == {"64x64": 4}
    assert found["frame_rates"] == {"25": 4}
    assert found["formats"] == {"mp4/mov h264": 4}
    assert (found["seconds"]["p0"], found["seconds"]["p100"]) == (0.8, 0.88)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_stats_of_a_ledger_reads_no_video(
    classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.csv"
    main(["check", str(classes), "--ledger", str(ledger)])
    ledger.write_text(ledger.read_text().replace(",h264,", ",from the ledger,"))
    capsys.readouterr()
    assert main(["stats", str(classes), "--ledger", str(ledger)]) == 3
    out = capsys.readouterr().out
    assert "mp4/mov from the ledger      4" in out
    assert out.splitlines()[-1] == "bad 1 of 5"
    with pytest.raises(DatasetError, match="no videos"):
        main(["stats", str(tmp_path)])


def test_training_clips_are_what_the_labels_say(classes: Path) -> None:
    """The frame indices beside a clip are those of its pictures, and the clip is the one of its epoch."""
    annotations = read_annotations(classes)
    wanted = [0, 2, 3]
    first = list(training_clips(annotations, wanted, clip=CLIP, augment=STILL, seed=3, epoch=1))
    assert [one.index for one in first if isinstance(one, Shown)] == [0, 2, 3]
    for one in first:
        assert isinstance(one, Shown)
        assert read_numbers(one.pixels) == one.frames.tolist()
        assert one.label == ("fold" if one.index == 3 else "cut")
    other = next(training_clips(annotations, [2], clip=CLIP, augment=STILL, seed=3, epoch=2))
    assert isinstance(other, Shown)
    assert other.frames.tolist() != first[1].frames.tolist()  # type: ignore[union-attr]
    bad = next(training_clips(annotations, [4], clip=CLIP, augment=STILL, seed=3, epoch=1))
    assert isinstance(bad, BadVideo)


def test_mixed_clips_are_those_of_their_pair(classes: Path) -> None:
    annotations = read_annotations(classes)
    augment = Augment(crop_area=(1, 1), flip_probability=0, mixup_alpha=1.0)
    pairs = epoch_pairs(5, seed=1, epoch=0)
    order = shuffled(5, seed=1, epoch=0)
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert pairs[order[0]] == (order[0], order[1])
    assert pairs[order[4]] == (order[4],)
    for one in training_clips(annotations, range(5), clip=CLIP, augment=augment, seed=1, epoch=0):
        assert isinstance(one, BadVideo) or one.pixels.shape == (4, 64, 64, 3)


def test_all_test_views(classes: Path) -> None:
    annotations = read_annotations(classes)
    found = list(test_clips(annotations, [0], clip=CLIP, views=Views(clips=2, crops=3)))
    assert [one.view for one in found if isinstance(one, Shown)] == [f"view {n} of 2x3" for n in range(1, 7)]
    for one in found:
        assert isinstance(one, Shown)
        np.testing.assert_array_equal(read_numbers(one.pixels), one.frames)


def test_clips_of_a_segment_stay_in_it(classes: Path) -> None:
    listed = classes.parent / "segments.csv"
    listed.write_text("path,label,start_frame,end_frame\ncut/0.mp4,cut,10,18\ncut/1.mp4,fold,2,10\n")
    annotations = read_annotations(listed, root=classes)
    trained = training_clips(annotations, [0, 1], clip=CLIP, augment=STILL, seed=0, epoch=0)
    tested = test_clips(annotations, [0, 1], clip=CLIP, views=Views(clips=2, crops=1))
    for one in (*trained, *tested):
        assert isinstance(one, Shown)
        assert read_numbers(one.pixels) == one.frames.tolist()
        start, stop = ((10, 18), (2, 10))[one.index]
        assert start <= one.frames.min() <= one.frames.max() < stop


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.mp4"])
def test_view(classes: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--clip.num_frames=4", "--clip.size=64", "--count=5"]
    assert main(["view", str(classes), "--output", str(tmp_path / name), *options]) == 3
    out, err = capsys.readouterr()
    assert out == f"4 clips of 5 samples: {tmp_path / name}\n"
    assert "bad.mp4: not a video but an HTML page" in err
    if name.endswith(".png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    else:
        with av.open(str(tmp_path / name)) as file:
            assert sum(1 for _ in file.decode(video=0)) == 4


def test_a_recipe_gives_the_look(classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("clip: {num_frames: 4, size: 64}\nseed: 5\naugment: {flip_probability: 0}\n")
    command = ["view", str(classes), "--output", str(tmp_path / "a.png"), "--recipe", str(recipe)]
    assert main([*command, "--index", "0", "--count", "1"]) == 0
    assert main([*command, "--index", "0", "--count", "1", "--views", "1x3"]) == 0
    assert "3 clips of 1 samples" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="a recipe gives clip, augment and seed; allowed: a recipe, or"):
        main([*command, "--seed", "7"])


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ("--output=a.jpg", r"output is 'a\.jpg'; allowed: a name that ends in \.png, \.gif or \.mp4"),
        ("--count=0", "count is 0; allowed: 1 or more"),
        ("--index=5", r"index is 5; allowed: -1 \(as the epoch begins\) or 0 to 4"),
    ],
)
def test_wrong_values(classes: Path, option: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        main(["view", str(classes), option])
