from __future__ import annotations

import io
import struct

import pytest

from videoswin.data.truncation import num_missing_bytes


def box(kind: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size, kind) + b"\0" * (size - 8)


FTYP, MOOV, MDAT = box(b"ftyp", 24), box(b"moov", 100), box(b"mdat", 60)
LONG_MDAT = struct.pack(">I4sQ", 1, b"mdat", 60) + b"\0" * 44
EBML = b"\x1a\x45\xdf\xa3\x83abc"
SEGMENT = b"\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FTYP + MOOV + MDAT, (0, True)),
        (FTYP + MDAT + MOOV, (0, True)),
        ((FTYP + MOOV + MDAT)[:-1], (1, True)),
        ((FTYP + MOOV + LONG_MDAT)[:-5], (5, True)),
        ((FTYP + MDAT + MOOV)[:-7], (7, False)),  # the index itself is cut
        ((FTYP + MDAT)[:-9], (9, False)),
        (FTYP + MOOV + struct.pack(">I4s", 0, b"mdat") + b"abc", (0, True)),  # size 0: to the end of the file
        ((FTYP + MOOV + MDAT + box(b"free", 50))[:-20], (0, True)),  # nothing that plays is missing
        (FTYP + MOOV + MDAT + b"garbage", (0, True)),
        (FTYP + MOOV + MDAT + b"\0\0\0\4more", (0, True)),  # a size that can't be
        (b"RIFF\xff\xff\xff\x7fAVI LIST", (0, True)),  # no word on lengths of AVI
    ],
)
def test_mp4(content: bytes, expected: tuple[int, bool]) -> None:
    assert num_missing_bytes(io.BytesIO(content), len(content)) == expected


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (EBML + SEGMENT + b"\x85" + b"12345", 0),
        (EBML + SEGMENT + b"\x85" + b"123", 2),
        (EBML + SEGMENT + b"\x40\x05" + b"1234", 1),  # a length of two bytes
        (EBML + SEGMENT + b"\x01\0\0\0\0\0\1\0" + b"12", 254),  # of eight
        (EBML + SEGMENT + b"\x01\xff\xff\xff\xff\xff\xff\xff" + b"12", 0),  # unknown: a live recording
        (EBML + b"\xec\x80", 0),  # another element first: not judged
        (EBML[:4], 0),
        (EBML + SEGMENT, 0),
        (EBML[:4] + b"\x01\xff\xff\xff\xff\xff\xff\xff", 0),
    ],
)
def test_matroska(content: bytes, missing: int) -> None:
    assert num_missing_bytes(io.BytesIO(content), len(content)) == (missing, True)


def test_endless_boxes_end() -> None:
    """A file of a million empty boxes is left after the first hundred thousand."""
    content = FTYP + struct.pack(">I4s", 8, b"free") * 1_000_000 + MDAT[:20]
    file = io.BytesIO(content)
    assert num_missing_bytes(file, len(content)) == (0, True)
    assert file.tell() < len(content) // 5
