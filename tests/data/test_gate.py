"""Each refusal carries the row of the fault catalogue that its parameter names."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from tests.data.material import write_video
from videoswin.data import gate
from videoswin.data.gate import Limits, check_codec, check_container, check_size, open_regular
from videoswin.errors import DecodeError

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
WAV = b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0"


def refusal(path: Path | str) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        open_regular(str(path))
    assert caught.value.path == str(path)
    return caught.value


@pytest.mark.parametrize(
    ("code", "content", "reason"),
    [
        ("V01", b"", "empty file"),
        ("V05", b"<!DOCTYPE html><html>404</html>", "not a video but an HTML page of 31 bytes"),
        ("V05", b"\xef\xbb\xbf \r\n<HTML>", "not a video but an HTML page of 12 bytes"),
        ("V05", b'{"error": "gone"}', "not a video but a JSON text of 17 bytes"),
        ("V05", LFS_POINTER, "a Git LFS pointer (fetch the video itself with: git lfs pull)"),
        ("V09", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a video but a PNG picture"),
        ("V09", b"\xff\xd8\xff\xe0\0\x10JFIF", "not a video but a JPEG picture"),
        ("V09", WAV, "not a video but a WebP picture"),
        ("V09", b"%PDF-1.7\n%\xe2\xe3", "not a video but a PDF document"),
        ("V09", b"PK\x03\x04\x14\0\0\0", "not a video but a ZIP archive"),
        ("V09", b"\x1f\x8b\x08\0\0\0\0\0", "not a video but a gzip archive"),
        ("V10", b"walk/a.mp4 3\nwalk/b.mp4 3\n", "not a video but a text of 26 bytes"),
        ("V10", "caf\u00e9 \u4e2d\n".encode(), "not a video but a text"),
        ("V11", b"#EXTM3U\n#EXTINF:1,\nsecret.ts\n", "a playlist, which names other files"),
        (
            "V12",
            b"ffconcat version 1.0\nfile 'secret.mp4'\n",
            "an ffconcat playlist, which names other files",
        ),
        ("V13", b"<?xml version='1.0'?><MPD>", "an XML text"),
        ("V13", b"<MPD xmlns='urn:mpeg:dash'>", "a DASH playlist"),
        ("V13", b"[playlist]\nFile1=http://x/y\n", "a playlist"),
        ("V13", b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "a session description"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, code: str, content: bytes, reason: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    error = refusal(path)
    assert (error.code, error.exit_code) == (code, 3)
    assert reason in error.reason


def box(kind: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size, kind) + b"\0" * (size - 8)


@pytest.mark.parametrize(
    ("code", "content", "reason"),
    [
        ("V02", (box(b"ftyp", 24) + box(b"mdat", 80))[:-30], "30 bytes and the index (moov) are missing"),
        ("V02", (box(b"ftyp", 24) + box(b"moov", 80))[:-30], "30 bytes and the index (moov) are missing"),
        (
            "V03",
            (box(b"ftyp", 24) + box(b"moov", 80) + box(b"mdat", 80))[:-30],
            "at least 30 bytes are missing",
        ),
    ],
)
def test_a_cut_off_mp4_is_named(tmp_path: Path, code: str, content: bytes, reason: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == code
    assert reason in error.reason


def test_v33_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nothing.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.mp4"))
        start = time.monotonic()
        reasons = {
            name: refusal(tmp_path / name)
            for name in ("pipe.mp4", "dangling.mp4", "loop.mp4", "socket.mp4", "", "/dev/zero")
        }
        assert time.monotonic() - start < 1.0
    assert {error.code for error in reasons.values()} == {"V33"}
    assert reasons["pipe.mp4"].reason == "not a regular file but a pipe"
    assert reasons[""].reason == "not a regular file but a directory"
    assert reasons["/dev/zero"].reason == "not a regular file but a device"
    assert reasons["dangling.mp4"].reason.endswith("nothing.mp4', which does not exist")


@pytest.mark.parametrize(
    ("code", "name", "reason"),
    [
        ("V34", "gone.mp4", "no such file"),
        ("V34", "a\0b.mp4", "not a file name: embedded null byte"),
        ("V34", "x" * 300, "can't be opened: File name too long"),
        ("V16", "http://example.org/clip.mp4", "not a local file; addresses are not opened"),
        ("V16", "concat:a.mp4|b.mp4", "not a local file; addresses are not opened"),
    ],
)
def test_what_is_not_there_is_named(code: str, name: str, reason: str) -> None:
    error = refusal(name)
    assert (error.code, error.reason) == (code, reason)


@pytest.mark.parametrize(
    "name",
    [
        "a:b.mp4",
        "http:evil.mp4",
        "-i.mp4",
        "line\nend.mp4",
        "%03d.mp4",
        "\U0001f3ac.mp4",
        "end .mp4 ",
        os.fsdecode(b"\xe9.mp4"),
    ],
)
def test_v17_every_file_name_works(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_video(tmp_path / "plain.mp4", num_frames=2).read_bytes()
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    with open_regular(name) as file:
        # The decoder takes the name of a file object for an address: it must be the number of the descriptor.
        assert file.name == file.fileno()
        file.seek(0)
        assert file.read() == content


def test_v35_an_input_error_is_no_bad_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails can't be had here, so the read fails in its place."""

    def failing(*_: Any) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "clip.mp4"
    path.write_bytes(b"content")
    monkeypatch.setattr(gate, "num_missing_bytes", failing)
    monkeypatch.setattr(gate, "_refuse_known_kinds", lambda *_: None)
    error = refusal(path)
    assert (error.code, error.reason) == ("V35", "can't be read: Input/output error")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "page.mp4").write_bytes(b"<html>")
    for name in ("", "page.mp4", "gone.mp4"):
        refusal(tmp_path / name)
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_known_containers_and_codecs_pass() -> None:
    assert check_container("x", "mov,mp4,m4a,3gp,3g2,mj2") == "mp4/mov"
    assert check_codec("x", "libdav1d") == "av1"
    with pytest.raises(
        DecodeError, match=re.escape("[V09] x: container concat is not supported; allowed: mp4/mov,")
    ):
        check_container("x", "concat")
    with pytest.raises(DecodeError, match=re.escape("[V32] x: codec ansi is not supported; allowed: h264,")):
        check_codec("x", "ansi")


def test_size_limit_is_inclusive() -> None:
    check_size("x", 100, 50, Limits(max_pixels=5000))
    with pytest.raises(DecodeError, match=re.escape("[V18] x: pictures of 101x50 exceed max_pixels = 5,000")):
        check_size("x", 101, 50, Limits(max_pixels=5000))
