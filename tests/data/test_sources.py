"""Every other format of annotations, written out, through `read_annotations`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.listing import listed, make, written
from videoswin import packages
from videoswin.data.annotations import read_annotations
from videoswin.data.segments import Segment
from videoswin.errors import AnnotationError, ConfigError


def test_one_split_alone_needs_no_name(tmp_path: Path) -> None:
    source = written(make(tmp_path, "a.mp4"), "val.csv", "path,label,split\na.mp4,x,validate\n")
    assert listed(read_annotations(source)) == [("a.mp4", "x")]
    assert listed(read_annotations(f"{source}#val")) == [("a.mp4", "x")]
    odd = written(tmp_path, "odd#name.csv", "path,label\na.mp4,x\n")
    assert listed(read_annotations(odd)) == [("a.mp4", "x")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "path,label\na.mp4,walk\nb.mp4,jump\n"),
        ("a.csv", "Class,Video\nwalk,a.mp4\njump,b.mp4\n"),
        ("a.csv", "filename;action;fps\na.mp4;walk;3\nb.mp4;jump;4\n"),
        ("a.tsv", "file\tcategory\na.mp4\twalk\nb.mp4\tjump\n"),
        ("a.txt", "file\tcategory\na.mp4\twalk\nb.mp4\tjump\n"),
        ("a.txt", "a.mp4 walk\nb.mp4 jump\n"),
        ("a.csv", "a.mp4 walk\nb.mp4 jump\n"),
        ("a.jsonl", '{"path": "a.mp4", "label": "walk"}\n\n{"path": "b.mp4", "label": "jump", "more": 1}\n'),
    ],
)
def test_tables_and_lists(tmp_path: Path, name: str, content: str) -> None:
    make(tmp_path, "a.mp4", "b.mp4")
    source = written(tmp_path, name, content)
    assert listed(read_annotations(source)) == [("a.mp4", "walk"), ("b.mp4", "jump")]


def test_columns_that_are_not_known_are_listed(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        read_annotations(written(tmp_path, "a.csv", "clip,sort,fps\na.mp4,walk,3\n"))
    assert str(caught.value).startswith(
        f"{tmp_path}/a.csv, line 1: columns clip,sort,fps; "
        "expected a video (path, file, video or filename) and"
    )
    with pytest.raises(AnnotationError, match=r"a.jsonl, line 2: .*; expected a JSON object"):
        read_annotations(written(tmp_path, "a.jsonl", '{"path": "a.mp4", "label": "walk"}\n[1]\n'))
    with pytest.raises(AnnotationError, match=r"a.jsonl, line 2: not a JSON object"):
        read_annotations(written(tmp_path, "a.jsonl", '{"path": "a.mp4", "label": "walk"}\n{"path"\n'))


def parquet(folder: Path, columns: dict[str, list[object]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "a.parquet")
    return folder / "a.parquet"


def test_parquet(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "b.mp4")
    source = parquet(tmp_path, {"fps": [1.0, 2.0], "video": ["a.mp4", "b.mp4"], "label": [1, 0]})
    assert [(sample.path, sample.label) for sample in read_annotations(source).samples] == [
        ("a.mp4", 1),
        ("b.mp4", 0),
    ]
    source = parquet(tmp_path, {"path": ["a.mp4", "b.mp4"], "label": ["x", None]})
    with pytest.raises(AnnotationError, match=r"a.parquet, row 2: path 'b.mp4', label ''; expected both"):
        read_annotations(source)
    with pytest.raises(AnnotationError, match=r"a.parquet: columns one; expected a video"):
        read_annotations(parquet(tmp_path, {"one": [1]}))
    source.write_bytes(b"PAR1 and no more")
    with pytest.raises(AnnotationError, match=r"a.parquet: not a readable Parquet file: "):
        read_annotations(source)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, "a.parquet", "PAR1")
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"a.parquet: reading Parquet needs pyarrow: pip install 'videoswin\[data\]'$"
    ):
        read_annotations(source)


@pytest.mark.parametrize(
    ("content", "segments"),
    [
        (
            "path,label,start_frame,end_frame\na.mp4,x,0,32\na.mp4,y,32,64\n",
            [Segment(start=0, stop=32, unit="frames"), Segment(start=32, stop=64, unit="frames")],
        ),
        (
            "path,label,start_seconds,end_seconds\na.mp4,x,0,1.5\na.mp4,y,,\n",
            [Segment(start=0, stop=1.5, unit="seconds"), None],
        ),
        (
            "path,label,start,end\na.mp4,x,0,3\na.mp4,x,3.0,4\n",
            [Segment(start=0, stop=3, unit="seconds"), Segment(start=3, stop=4, unit="seconds")],
        ),
        ("path,label,start_frames,end_frames\na.mp4,x,,\n", [None]),
        (
            "path,label,start_frame,end_frame\nb.mp4,x,,\na.mp4,y,1,2\n",
            [None, Segment(start=1, stop=2, unit="frames")],
        ),
    ],
)
def test_segments(
    tmp_path: Path, content: str, segments: list[Segment | None], caplog: pytest.LogCaptureFixture
) -> None:
    source = written(make(tmp_path, "a.mp4", "b.mp4"), "a.csv", content)
    assert [sample.segment for sample in read_annotations(source).samples] == segments
    assert "repeat" not in caplog.text


@pytest.mark.parametrize(
    ("columns", "start", "end", "message"),
    [
        (
            "start_frame,end_frame",
            "5",
            "5",
            "line 2: start '5', end '5'; expected whole numbers of frames with 0 <= start < end",
        ),
        ("start_frame,end_frame", "5", "4", "start '5', end '4'"),
        ("start_frame,end_frame", "1.5", "4", "start '1.5', end '4'; expected whole numbers"),
        ("start_frame,end_frame", "-1", "4", "start '-1', end '4'"),
        ("start_seconds,end_seconds", "1", "", "start '1', end ''; expected numbers with 0 <= start < end"),
        ("start_seconds,end_seconds", "nan", "2", "start 'nan', end '2'"),
        ("start_seconds,end_seconds", "0", "inf", "start '0', end 'inf'"),
        ("start_time,end_time", "00:01", "00:02", "start '00:01', end '00:02'"),
        (
            "start,end",
            "1",
            "2",
            "start and end are whole numbers, which may be frames or seconds; name the columns",
        ),
    ],
)
def test_segments_that_are_none(tmp_path: Path, columns: str, start: str, end: str, message: str) -> None:
    source = written(make(tmp_path, "a.mp4"), "a.csv", f"path,label,{columns}\na.mp4,x,{start},{end}\n")
    with pytest.raises(AnnotationError) as caught:
        read_annotations(source)
    assert str(source) in str(caught.value)
    assert message in str(caught.value)


def test_a07_the_same_segment_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = "path,label,start_frame,end_frame\na.mp4,x,0,9\na.mp4,y,9,18\n"
    make(tmp_path, "a.mp4")
    assert len(read_annotations(written(tmp_path, "a.csv", f"{rows}a.mp4,x,0,9\n")).samples) == 3
    assert "1 rows repeat an earlier video" in caplog.text
    with pytest.raises(AnnotationError, match=r"1 videos have two labels: line 2 and line 4 'a\.mp4'"):
        read_annotations(written(tmp_path, "a.csv", f"{rows}a.mp4,y,0,9\n"))


def test_several_classes_a_video(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "b.mp4")
    annotations = read_annotations(
        written(tmp_path, "a.csv", "path,label\na.mp4,walk|jump|walk\nb.mp4,run\n")
    )
    assert annotations.is_multi_label
    assert annotations.labels == ("jump", "run", "walk")
    assert [(sample.label, sample.labels) for sample in annotations.samples] == [(0, (0, 2)), (1, (1,))]
    numbers = read_annotations(written(tmp_path, "a.txt", "a.mp4 3|1\nb.mp4 0\n"))
    assert [sample.labels for sample in numbers.samples] == [(1, 3), (0,)]
    pairs = read_annotations(
        written(tmp_path, "a.csv", "path,label,label_id\na.mp4,walk|jump,0|1\nb.mp4,jump,1\n")
    )
    assert pairs.labels == ("walk", "jump")


def test_several_classes_in_a_list_of_parquet(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "b.mp4")
    lists = read_annotations(parquet(tmp_path, {"path": ["a.mp4", "b.mp4"], "label": [["x", "y"], ["y"]]}))
    assert [sample.labels for sample in lists.samples] == [(0, 1), (1,)]


def test_several_rows_a_video(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "b.mp4")
    source = written(tmp_path, "a.csv", "path,label\na.mp4,walk\nb.mp4,run\na.mp4,jump\na.mp4,walk\n")
    annotations = read_annotations(source, multi_label=True)
    assert [(sample.path, sample.labels) for sample in annotations.samples] == [
        ("a.mp4", (0, 2)),
        ("b.mp4", (1,)),
    ]
    with pytest.raises(AnnotationError, match="1 videos have two labels"):
        read_annotations(source)


@pytest.mark.parametrize("row", ["a.mp4,walk|,", "a.mp4,walk|run,3"])
def test_classes_that_are_not_so_many(tmp_path: Path, row: str) -> None:
    source = written(make(tmp_path, "a.mp4"), "a.csv", f"path,label,label_id\n{row}\n")
    with pytest.raises(AnnotationError, match=r"line 2: label .*; expected as many, none empty"):
        read_annotations(source)
