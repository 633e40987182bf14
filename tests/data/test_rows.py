from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from videoswin.data.annotations import read_annotations
from videoswin.data.rows import Row, is_class_number, read_folder, some
from videoswin.data.sources import read_listing
from videoswin.errors import AnnotationError, ConfigError


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def listed(tmp_path: Path, content: str | bytes, name: str = "list.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_list(path: Path) -> list[Row]:
    return list(read_listing(path, path.parent).rows)


def test_a_folder_per_class(tmp_path: Path) -> None:
    make(tmp_path, "walk/b.mp4", "walk/a.AVI", "jump/c.webm", "README.md", "walk/notes.txt")
    assert read_folder(tmp_path) == [
        Row(0, "jump/c.webm", "jump"),
        Row(0, "walk/a.AVI", "walk"),
        Row(0, "walk/b.mp4", "walk"),
    ]


def test_a14_hidden_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    make(
        tmp_path, "walk/a.mp4", ".DS_Store", "walk/._a.mp4", "walk/Thumbs.db", ".git/x.mp4", "walk/.DS_Store"
    )
    assert [row.path for row in read_folder(tmp_path)] == ["walk/a.mp4"]


def test_a15_class_folders_that_are_one_elsewhere(tmp_path: Path) -> None:
    make(tmp_path / "case", "Walk/a.mp4", "walk/b.mp4")
    with pytest.raises(
        AnnotationError, match="class folders 'Walk' and 'walk' differ only in case or accents"
    ):
        read_folder(tmp_path / "case")
    composed, apart = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    make(tmp_path / "accent", f"{composed}/a.mp4", f"{apart}/b.mp4")
    with pytest.raises(AnnotationError, match="differ only in case or accents"):
        read_folder(tmp_path / "accent")


def test_labels_have_one_unicode_form(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "café")
    make(tmp_path, f"videos/{apart}/a.mp4")
    assert read_annotations(tmp_path / "videos").labels == ("café",)
    assert read_annotations(listed(tmp_path, f"videos/{apart}/a.mp4 {apart}\n")).labels == ("café",)


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no class folders; expected one for each class"):
        read_folder(make(tmp_path / "flat", "a.mp4"))
    with pytest.raises(AnnotationError, match=r"class folder 'jump' holds no video file \(.3gp .avi"):
        read_folder(make(tmp_path / "empty_class", "jump/notes.txt", "walk/a.mp4"))
    with pytest.raises(
        AnnotationError, match="class folder 'train' holds no video file"
    ):  # one level too high
        read_folder(make(tmp_path / "splits", "train/walk/a.mp4", "val/walk/b.mp4"))
    with pytest.raises(AnnotationError, match="gone: can't be listed: No such file"):
        read_folder(tmp_path / "gone")


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a.mp4 walk\nb.mp4 jump\n", [(1, "a.mp4", "walk"), (2, "b.mp4", "jump")]),
        ("a.mp4 3\nb.mp4 0", [(1, "a.mp4", "3"), (2, "b.mp4", "0")]),
        ("my clip 1.mp4 3\n", [(1, "my clip 1.mp4", "3")]),  # A03: the label is the last field
        (
            "\ufeffa.mp4\t3\r\n\r\n  b.mp4   4  \r\n",
            [(1, "a.mp4", "3"), (3, "b.mp4", "4")],
        ),  # A02
        ("a.mp4 10k\n", [(1, "a.mp4", "10k")]),
        ("", []),
    ],
)
def test_lists(tmp_path: Path, content: str, rows: list[tuple[int, str, str]]) -> None:
    assert read_list(listed(tmp_path, content)) == [Row(*row) for row in rows]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("path,label\na.mp4,walk\n", [(2, "a.mp4", "walk")]),
        ("label,frames,path\nwalk,7,a.mp4\n", [(2, "a.mp4", "walk")]),
        ("path,label,label_id\na.mp4,walk,2\n", [(2, "a.mp4", "walk", "2")]),
        ("path,label\na.mp4,2\n", [(2, "a.mp4", "2")]),
        ('path,label\n"a, b.mp4","long jump"\n', [(2, "a, b.mp4", "long jump")]),
        ("\ufeffpath , label\r\n\r\n a.mp4 , walk \r\n", [(3, "a.mp4", "walk")]),  # A02
        ("path,label\n", []),
    ],
)
@pytest.mark.parametrize("name", ["list.csv", "list.txt"])
def test_csv(tmp_path: Path, content: str, rows: list[tuple[int, str, str]], name: str) -> None:
    assert read_list(listed(tmp_path, content, name)) == [Row(*row) for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("A02.txt", "a.mp4 3\n".encode("utf-16"), "line 1: the text is UTF-16; expected UTF-8"),
        ("A02.txt", b"a.mp4 3\nb\0.mp4 3\n", "line 2: a zero byte; expected a text"),
        ("A01.txt", b"a.mp4 3\n\xe9.mp4 3\n", "line 2: byte 0xe9 is not UTF-8"),
        ("A03.txt", "a.mp4 3\njust_a_path.mp4\n", "line 2: 'just_a_path.mp4'; expected a path and a label"),
        (
            "a.csv",
            "label,youtube_id,time_start\nwalk,abc,3\n",
            "line 1: columns label,youtube_id,time_start; expected",
        ),
        ("a.csv", "path,label\na.mp4\n", "line 2: 1 fields; expected 2 as in line 1"),
        ("a.csv", "path,label\na.mp4,\n", "line 2: path 'a.mp4', label ''; expected both"),
        ("a.csv", "path,label\n,walk\n", "line 2: path '', label 'walk'; expected both"),
        ("a.csv", 'path,label\na.mp4,"walk\n', "line 2: unexpected end of data"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = listed(tmp_path, content, name)
    with pytest.raises(AnnotationError) as caught:
        read_list(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a01_no_such_list(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"gone.txt: can't be read: No such file or directory"):
        read_list(tmp_path / "gone.txt")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0,"), min_size=1).filter(str.strip),
            st.integers(0, 999_999_999),
        ),
        min_size=1,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("lists") / "list.txt"
    path.write_text("".join(f"{name} {label}\n" for name, label in rows), encoding="utf-8", newline="")
    expected = [Row(i, name.strip(), str(label)) for i, (name, label) in enumerate(rows, start=1)]
    if not rows[0][0].startswith("\ufeff"):  # at the start of a file it is a byte order mark
        assert read_list(path) == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    path.write_bytes(content)
    try:
        rows = read_list(path)
    except (AnnotationError, ConfigError) as error:  # ConfigError: what begins like Parquet, without pyarrow
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert all(row.path and row.label for row in rows)


def test_small_helpers() -> None:
    assert is_class_number("0")
    assert is_class_number("012")
    assert not any(map(is_class_number, ("", "-1", "1.0", "٣", "1234567890")))
    assert some("ab") == "a, b"
    assert some("abcdefgh") == "a, b, c, d, e and 3 more"
