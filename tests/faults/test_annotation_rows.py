"""Every first-pass row on annotations of the fault catalogue (docs/faults.md), on real files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.data.annotations import read_annotations
from videoswin.data.check import check_file
from videoswin.data.fingerprint import fingerprint
from videoswin.errors import AnnotationError

FIRST_PASS = "A01 A02 A03 A04 A05 A06 A09 A11 A13".split()  # the stars of 3.2


def listed(folder: Path, content: str | bytes, name: str = "list.txt") -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


def refused(source: Path, *parts: str, labels: tuple[str, ...] = ()) -> None:
    with pytest.raises(AnnotationError) as caught:
        read_annotations(source, labels=labels)
    assert caught.value.exit_code == 2
    assert str(source) in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def a01(folder: Path) -> None:
    (folder / "empty").mkdir()
    refused(folder / "gone.txt", "No such file")
    refused(folder / "empty", "no class folders; expected one for each class")
    refused(listed(folder, ""), "no labelled videos")
    refused(listed(folder, bytes(range(256)) * 4, "binary.txt"), "line 1")


def a02(folder: Path) -> None:
    for text in (
        "\ufeffa.mp4 walk \r\nb.mp4\t jump\r\n",
        "\ufeffpath,label\r\na.mp4,walk\r\nb.mp4 , jump\r\n",
    ):
        annotations = read_annotations(listed(folder, text, "list.csv" if "," in text else "list.txt"))
        assert [sample.path for sample in annotations.samples] == ["a.mp4", "b.mp4"]
        assert annotations.labels == ("jump", "walk")
    refused(listed(folder, "a.mp4 walk\n".encode("utf-16")), "line 1", "UTF-16")
    refused(listed(folder, b"a.mp4 walk\nb\0.mp4 jump\n"), "line 2", "zero byte")


def a03(folder: Path) -> None:
    write_video(folder / "my clip 1.mp4", num_frames=1)
    assert read_annotations(listed(folder, "my clip 1.mp4 3\n")).samples[0].file.name == "my clip 1.mp4"
    refused(listed(folder, "a.mp4 3\njust_a_path.mp4\n"), "line 2", "expected a path and a label")


def a04(folder: Path) -> None:
    for wrong in ("-1", "1.5", "nan"):
        refused(listed(folder, f"a.mp4 0\nb.mp4 {wrong}\n"), f"line 2 '{wrong}'", "1 labels")
    refused(listed(folder, "a.mp4 0\nb.mp4 7\n"), "line 2", "0 to 1", labels=("walk", "jump"))
    many = "".join(f"a.mp4 {-n}\n" for n in range(1, 40))
    refused(listed(folder, f"a.mp4 0\n{many}"), "39 labels", "line 2 '-1'", "more")


def a05(folder: Path) -> None:
    """Names are compared, not their number."""
    source = listed(folder, "a.mp4 walk\nb.mp4 jump\n")
    refused(source, "are not among the 2 classes of the weights", labels=("walk", "run"))
    other_order = read_annotations(source, labels=("walk", "jump", "run"))
    assert [other_order.labels[sample.label] for sample in other_order.samples] == ["walk", "jump"]


def a06(folder: Path) -> None:
    lines = [f"gone/{number}.mp4 0\n" for number in range(3)]
    annotations = read_annotations(listed(folder, "".join([*lines, "a.mp4 1\n"])))
    assert len(annotations.samples) == 4  # counted and named; each is an error row when it is read
    assert check_file(annotations.samples[0].file).code == "V34"
    refused(listed(folder, "".join(lines)), "3 of 3 videos are missing", f"tried {folder}/gone/0.mp4")


def a09(folder: Path) -> None:
    for path in ("../x.mp4", "/etc/passwd", "a/../../x.mp4"):
        refused(listed(folder, f"a.mp4 0\n{path} 0\n"), "1 paths leave the root: line 2")


def a11(folder: Path) -> None:
    """What a run was started with is known by its fingerprint; where the data lies does not matter."""
    texts = ("a.mp4 0\nb.mp4 1\n", "b.mp4 1\na.mp4 0\n", "a.mp4 0\nb.mp4 0\n", "a.mp4 0\n")
    found = set()
    for text in texts:
        annotations = read_annotations(listed(folder, text))
        found.add(fingerprint(annotations.samples, annotations.labels))
        again = read_annotations(listed(folder, text))
        assert fingerprint(again.samples, again.labels) in found
    assert len(found) == len(texts)


def entry(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def a13(folder: Path) -> None:
    hostile = (
        entry("../x.mp4", tarfile.REGTYPE),
        entry("/etc/x.mp4", tarfile.REGTYPE),
        entry("a.mp4", tarfile.SYMTYPE, "/etc/passwd"),
        entry("a.mp4", tarfile.LNKTYPE, "../x"),
        entry("a.mp4", tarfile.CHRTYPE),
        entry("a.mp4", tarfile.FIFOTYPE),
    )
    before = sorted(path.name for path in folder.parent.iterdir())
    for number, info in enumerate(hostile):
        path = folder / f"{number}.tar"
        with tarfile.open(path, "w") as archive:
            archive.addfile(info, io.BytesIO())
        refused(path, info.name)
        row = check_file(f"{path}/a.mp4")
        assert (row.verdict, row.code) == ("refused", "A13")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a.mp4", bytes(50_000_000))
    assert (check_file(folder / "bomb.zip").code, (folder / "bomb.zip").stat().st_size < 100_000) == (
        "V09",
        True,
    )
    assert sorted(path.name for path in folder.parent.iterdir()) == before


ROWS: dict[str, Callable[[Path], None]] = {
    function.__name__.upper(): function for function in (a01, a02, a03, a04, a05, a06, a09, a11, a13)
}


def test_every_first_pass_row_has_its_test() -> None:
    assert sorted(ROWS) == FIRST_PASS


@pytest.mark.parametrize("row", FIRST_PASS)
def test_row(row: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_video(folder / name, num_frames=1)
    ROWS[row](folder)
