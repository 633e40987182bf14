from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.data.material import read_numbers, write_video
from videoswin.data.annotations import read_annotations
from videoswin.data.decode import open_video
from videoswin.data.tar import exists, list_members, open_member, split_member
from videoswin.errors import AnnotationError, DecodeError


def write_tar(path: Path, files: dict[str, bytes], *, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def write_entry(path: Path, name: str, kind: bytes, target: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        archive.addfile(entry)
    return path


def test_a_member_is_read_in_place(tmp_path: Path) -> None:
    content = write_video(tmp_path / "a.mp4", num_frames=6).read_bytes()
    shard = write_tar(tmp_path / "x.tar", {"0.json": b"{}", "0.mp4": content, "1.mp4": content})
    members = list_members(str(shard))
    assert [member.name for member in members] == ["0.json", "0.mp4", "1.mp4"]
    assert shard.read_bytes()[members[1].offset :][: members[1].size] == content
    with open_video(shard / "1.mp4") as video:
        assert video.info.num_frames == 6
        frames = video.read(lambda num_frames: np.arange(num_frames))
    assert read_numbers(frames.pixels) == list(range(6))


def test_a_member_is_a_file_of_its_own(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "x.tar", {"a": b"before", "b": b"0123456789", "c": b"after"})
    file, size = open_member(f"{shard}/b", str(shard), "b")
    with file:
        assert (size, file.read()) == (10, b"0123456789")
        assert file.seek(-3, 2) == 7
        assert file.read(100) == b"789"
        assert file.seek(2) == 2
        assert (file.read(3), file.tell()) == (b"234", 5)
        with pytest.raises(OSError, match="before the beginning"):
            file.seek(-1)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/x.tar/0.mp4", ("/a/x.tar", "0.mp4")),
        ("x.tar/b/0.mp4", ("x.tar", "b/0.mp4")),
        ("/a/x.tar", None),
        ("/a/x.mp4", None),
        ("/a/tar/x.mp4", None),
    ],
)
def test_paths(path: str, expected: tuple[str, str] | None) -> None:
    assert split_member(path) == expected


def test_a_folder_named_like_a_shard_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.tar").mkdir()
    video = write_video(tmp_path / "x.tar" / "0.mp4", num_frames=3)
    assert split_member(str(video)) is None
    assert exists(str(video))


def test_faults_of_members(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "x.tar", {"0.mp4": b"<html>", "1.mp4": b""})
    for path, fault in (
        (shard / "2.mp4", "V34.*no such file in the shard"),
        (shard / "0.mp4", "V05.*HTML page of 6 bytes"),
        (tmp_path / "y.tar" / "0.mp4", "V34.*the shard can't be opened: No such file"),
    ):
        with pytest.raises(DecodeError, match=fault), open_video(path):
            pass
    hostile = write_entry(tmp_path / "h.tar", "0.mp4", tarfile.SYMTYPE, "/etc/passwd")
    with pytest.raises(DecodeError, match=r"A13.*is a link"), open_video(hostile / "0.mp4"):
        pass


HOSTILE = {
    "climbs": ("../0.mp4", tarfile.REGTYPE, "leaves the archive"),
    "climbs inside": ("a/../../0.mp4", tarfile.REGTYPE, "leaves the archive"),
    "absolute": ("/etc/0.mp4", tarfile.REGTYPE, "leaves the archive"),
    "backslash": ("..\\0.mp4", tarfile.REGTYPE, "leaves the archive"),
    "symbolic link": ("0.mp4", tarfile.SYMTYPE, "is a link, a device or sparse"),
    "hard link": ("0.mp4", tarfile.LNKTYPE, "is a link, a device or sparse"),
    "device": ("0.mp4", tarfile.CHRTYPE, "is a link, a device or sparse"),
    "pipe": ("0.mp4", tarfile.FIFOTYPE, "is a link, a device or sparse"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a13_hostile_entries(tmp_path: Path, case: str) -> None:
    name, kind, reason = HOSTILE[case]
    shard = write_entry(tmp_path / "x.tar", name, kind, "/etc/passwd")
    with pytest.raises(AnnotationError, match=reason):
        list_members(str(shard))
    with pytest.raises(AnnotationError, match=reason):
        read_annotations(shard)


def test_a13_hostile_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"0.mp4": bytes(5000), "1.mp4": b""}
    shard = write_tar(tmp_path / "x.tar", content)
    shard.write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(AnnotationError, match=r"cut off inside '0\.mp4'|not an uncompressed tar"):
        list_members(str(shard))
    with pytest.raises(AnnotationError, match="not an uncompressed tar file"):
        list_members(str(write_tar(tmp_path / "z.tar", content, mode="w:gz")))
    twice = write_tar(tmp_path / "t.tar", {"a": b"1"})
    with tarfile.open(twice, "a") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(AnnotationError, match="'a' is there twice"):
        list_members(str(twice))
    monkeypatch.setattr("videoswin.data.tar._MAX_MEMBERS", 1)
    with pytest.raises(AnnotationError, match="more than 1 entries"):
        list_members(str(write_tar(tmp_path / "m.tar", content)))
    with pytest.raises(AnnotationError, match="can't be read: No such file"):
        list_members(str(tmp_path / "gone.tar"))
