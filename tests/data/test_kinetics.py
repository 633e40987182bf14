"""Tables of Kinetics, written out, through `read_annotations`."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.data.listing import listed, make, written
from videoswin.data.annotations import read_annotations
from videoswin.errors import AnnotationError

KINETICS = (
    "label,youtube_id,time_start,time_end,split\n"
    "riding a bike,---QUuC4vJs,84,94,train\n"
    "riding a bike,-07WQ2iBlw,1,11,validate\n"
    "abseiling,-0bfFKA6Gr0,22,32,train\n"
    'abseiling,"-3B32lodo2M",59,69,train\n'
)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (
            ("---QUuC4vJs_000084_000094.mp4", "-0bfFKA6Gr0.webm", "-3B32lodo2M.mkv"),
            ("---QUuC4vJs_000084_000094.mp4", "-0bfFKA6Gr0.webm", "-3B32lodo2M.mkv"),
        ),
        (
            (
                "riding a bike/---QUuC4vJs_000084_000094.mp4",
                "abseiling/-0bfFKA6Gr0.mp4",
                "abseiling/-3B32lodo2M.MP4",
            ),
            (
                "riding a bike/---QUuC4vJs_000084_000094.mp4",
                "abseiling/-0bfFKA6Gr0.mp4",
                "abseiling/-3B32lodo2M.MP4",
            ),
        ),
        (
            ("riding_a_bike/---QUuC4vJs.mp4", "train/abseiling/-0bfFKA6Gr0.mp4", "train/-3B32lodo2M.mp4"),
            ("riding_a_bike/---QUuC4vJs.mp4", "train/abseiling/-0bfFKA6Gr0.mp4", "train/-3B32lodo2M.mp4"),
        ),
        (  # the name with the times comes before the other
            ("---QUuC4vJs.mp4", "---QUuC4vJs_000084_000094.mp4", "-0bfFKA6Gr0.mp4", "-3B32lodo2M.mp4"),
            ("---QUuC4vJs_000084_000094.mp4", "-0bfFKA6Gr0.mp4", "-3B32lodo2M.mp4"),
        ),
    ],
)
def test_kinetics(
    tmp_path: Path, files: tuple[str, ...], found: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    make(tmp_path / "videos", *files)
    source = written(tmp_path / "lists", "kinetics.csv", KINETICS)
    annotations = read_annotations(f"{source}#train", root=tmp_path / "videos")
    assert listed(annotations) == list(zip(found, ("riding a bike", "abseiling", "abseiling"), strict=True))
    assert annotations.labels == ("abseiling", "riding a bike")
    assert f"{source}: 3 rows of the split train, 1 of others left out" in caplog.text
    assert all(sample.segment is None for sample in annotations.samples)


def test_a06_missing_kinetics_videos_are_counted_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = written(tmp_path, "kinetics.csv", KINETICS)
    make(tmp_path, "-3B32lodo2M.mp4")
    read_annotations(f"{source}#train")
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        f"{source}: 2 of 3 videos are missing: line 2 '---QUuC4vJs_000084_000094.mp4', "
        "line 4 '-0bfFKA6Gr0_000022_000032.mp4'; each counts as unreadable"
    ]
    (tmp_path / "-3B32lodo2M.mp4").unlink()
    with pytest.raises(
        AnnotationError, match=f"3 of 3 videos are missing: .*; check root: tried {tmp_path}/---QUu"
    ):
        read_annotations(f"{source}#train")


@pytest.mark.parametrize(
    ("content", "split", "message"),
    [
        (KINETICS, "", r"rows of several splits: train \(3\), val \(1\); name one, as .*kinetics.csv#train"),
        (KINETICS, "#test", r"no row is of the split 'test'; there are: train \(3\), val \(1\)"),
        (
            "path,label\na.mp4,x\n",
            "#val",
            "kinetics.csv#val: the source names no splits; expected a column split",
        ),
        (
            "youtube_id,time_start,time_end,split\na,1,2,test\n",
            "",
            "a Kinetics table without the column label names no",
        ),
        (
            "label,youtube_id,time_start,time_end\nx,a,b,2\n",
            "",
            "kinetics.csv, line 2: 'b'; expected a time in seconds",
        ),
        (
            "label,youtube_id,time_start,time_end\nx,,1,2\n",
            "",
            "line 2: youtube_id '', label 'x'; expected both",
        ),
        (
            "label,youtube_id,time_start,time_end\nx,../../a,1,11\n",
            "",
            "line 2 '../../a_000001_000011.mp4'; allowed",
        ),
        ("label,youtube_id,time_start,time_end\n../..,a,1,11\n", "", "1 of 1 videos are missing"),
    ],
)
def test_what_is_no_kinetics_table(tmp_path: Path, content: str, split: str, message: str) -> None:
    source = written(tmp_path, "kinetics.csv", content)
    with pytest.raises(AnnotationError, match=message):
        read_annotations(f"{source}{split}")
