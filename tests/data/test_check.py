from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import pytest

from tests.data.material import write_video
from videoswin.data.check import CheckRow, check_file, describe_file, hash_file, identify
from videoswin.data.gate import Limits
from videoswin.errors import DecodeError


def test_a_sound_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=12, rate=30, rotation=(90, False, False))
    assert check_file(path) == CheckRow(
        path=str(path),
        hash=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        mtime_ns=path.stat().st_mtime_ns,
        seconds=0.4,
        container="mp4/mov",
        codec="h264",
        declared_frames=12,
        decoded_frames=12,
        width=64,
        height=96,
        rotation=90,
        frames_per_second=30.0,
        verdict="ok",
    )


def test_a_container_that_declares_no_number_is_sound(tmp_path: Path) -> None:
    row = check_file(write_video(tmp_path / "a.mkv", num_frames=12))
    assert (row.declared_frames, row.decoded_frames, row.verdict) == (None, 12, "ok")


def test_v20_a_header_that_promises_more_is_degraded(tmp_path: Path) -> None:
    content = bytearray(write_video(tmp_path / "a.avi", codec="mpeg4", num_frames=24).read_bytes())
    header = content.index(b"strh") + 8
    length = slice(header + 32, header + 36)
    assert struct.unpack("<I", content[length]) == (24,)
    content[length] = struct.pack("<I", 431)
    (tmp_path / "a.avi").write_bytes(content)
    row = check_file(tmp_path / "a.avi")
    assert (row.verdict, row.code, row.declared_frames, row.decoded_frames) == ("degraded", "V20", 431, 24)
    assert row.reason == "the header declares 431 pictures, 24 can be decoded"


def test_v30_a_recording_that_starts_between_key_frames_is_degraded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", codec="mpeg2video", options={"g": "12"})
    path.write_bytes(path.read_bytes()[188 * 4 :])
    row = check_file(path)
    assert (row.verdict, row.code, row.decoded_frames) == ("degraded", "V30", 12)
    assert row.reason == "the file holds 23 compressed pictures, 12 can be decoded"


def test_a_refused_file_is_a_row(tmp_path: Path) -> None:
    assert check_file(tmp_path / "gone.mp4") == CheckRow(
        path=str(tmp_path / "gone.mp4"), verdict="refused", code="V34", reason="no such file"
    )


def test_what_was_learned_before_the_fault_is_reported(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    row = check_file(path, Limits(max_frames=10))
    assert (row.container, row.width, row.declared_frames, row.decoded_frames) == ("mp4/mov", 96, 24, 10)
    assert (row.verdict, row.code) == ("refused", "V19")


def test_a_damaged_first_picture_leaves_the_header(tmp_path: Path) -> None:
    content = bytearray(write_video(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj420p").read_bytes())
    first = content.index(b"00dc", content.index(b"movi"))
    content[first + 8 : first + 600] = bytes(592)
    (tmp_path / "a.avi").write_bytes(content)
    row = check_file(tmp_path / "a.avi")
    assert (row.container, row.codec, row.declared_frames, row.width) == ("avi", "mjpeg", 24, None)
    assert (row.verdict, row.code) == ("refused", "V04")


def test_a_description_reads_the_beginning_alone(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=12)
    row = describe_file(path)
    assert (row.verdict, row.declared_frames, row.decoded_frames, row.hash) == ("ok", 12, None, "")
    assert (row.width, row.seconds) == (96, 0.48)


def test_v34_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=12)

    def touching(name: str) -> str:
        os.utime(name, ns=(1, 1))
        return "0"

    monkeypatch.setattr("videoswin.data.check.hash_file", touching)
    row = check_file(path)
    assert (row.verdict, row.code, row.reason) == ("refused", "V34", "changed while it was read")


def test_identity_and_hash(tmp_path: Path) -> None:
    assert identify(tmp_path) == identify(tmp_path / "gone") == identify("a\0b") == (None, None)
    with pytest.raises(DecodeError, match=r"V35.*can't be read: No such file"):
        hash_file(tmp_path / "gone")
