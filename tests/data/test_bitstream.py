"""The few bytes of a packet that say what it is, written out."""

from __future__ import annotations

import pytest

from videoswin.data.bitstream import Peek, peeker_of

_START = b"\0\0\1"
_AVCC = b"\1\x64\0\x1e\xff" + bytes(20)  # lengths of four bytes
_SEI_TURN = b"\x06\x05\x01\xaa\x2f\x01\x00\x80"  # a message of type 5, then one of type 47


def with_lengths(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


@pytest.mark.parametrize(
    ("codec", "data", "expected"),
    [
        ("h264", _START + b"\x65\x88\x84", Peek(True, resets=True)),
        ("h264", _START + b"\x41\x9a\x84", Peek(True)),
        ("h264", _START + b"\x01\x9e\x84", Peek(True, is_unused=True)),
        ("h264", _START + b"\x01\x9e\x84" + _START + b"\x01\x5e\x84", Peek(True, is_unused=True)),
        ("h264", _START + b"\x01\x9e\x84" + _START + b"\x01\x9e\x84", Peek(False, is_unused=True)),
        (
            "h264",
            _START + b"\x67\x42" + _START + b"\x65\x88",
            Peek(True, resets=True, parameters=b"\x67\x42"),
        ),
        ("h264", _START + _SEI_TURN + _START + b"\x65\x88\x84", Peek(False)),
        ("h264", _START + b"\x22\x88\x84", Peek(False)),
        ("hevc", _START + b"\x28\x01\xaf", Peek(True, resets=True, level=1)),
        ("hevc", _START + b"\x02\x01\xd0", Peek(True, level=1)),
        ("hevc", _START + b"\x00\x02\xd0", Peek(True, is_unused=True, level=2)),
        ("hevc", _START + b"\x02\x09\xd0", Peek(False)),
        (
            "vp8",
            b"\x10\x00\x00\x9d\x01\x2a\x60\x00\x40\x00",
            Peek(True, resets=True, parameters=b"\x60\0\x40\0"),
        ),
        ("vp8", b"\x11\x00\x00", Peek(True)),
        ("vp8", b"\x01\x00\x00", Peek(False)),
        (
            "vp9",
            b"\x82\x49\x83\x42\x00\x05\xf0\x03\xf7\x00",
            Peek(True, resets=True, parameters=b"\0\x05\xf0\x03\xf0"),
        ),
        ("vp9", b"\x86\x00\x40", Peek(True)),
        ("vp9", b"\x84\x00\x40", Peek(False)),
        ("vp9", b"\x84\x01" + b"\x86\x02\x03" + b"\xc1\x02\x03\xc1", Peek(True)),
        ("libdav1d", b"\x12\0\x0a\x01\x00\x32\x01\x10", Peek(True, resets=True, parameters=b"\0")),
        ("libdav1d", b"\x32\x01\x30", Peek(True)),
        ("libdav1d", b"\x32\x01\x20", Peek(False)),
        ("libdav1d", b"\x1a\x01\x80", Peek(True)),
        (
            "mpeg2video",
            _START + b"\xb3\x14" + _START + b"\0\0\x0f",
            Peek(True, resets=True, parameters=b"\xb3\x14"),
        ),
        ("mpeg2video", _START + b"\0\0\x0f", Peek(True)),
        ("mpeg2video", _START + b"\0\0\x17", Peek(True)),
        ("mpeg2video", _START + b"\0\0\x1f", Peek(True, is_unused=True)),
        ("mpeg2video", 2 * (_START + b"\0\0\x1f"), Peek(False)),
    ],
)
def test_a_packet_says_what_it_is(codec: str, data: bytes, expected: Peek) -> None:
    peek = peeker_of(codec, b"")
    assert peek is not None
    assert peek(data) == expected


def test_units_with_lengths() -> None:
    peek = peeker_of("h264", _AVCC)
    assert peek is not None
    assert peek(with_lengths(b"\x65\x88\x84", b"\x65\x40")) == Peek(True, resets=True)
    assert peek(with_lengths(b"\x65\x88\x84")[:-1]) == Peek(False)  # a length past the end


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "gif"])
def test_other_codecs_are_not_looked_at(codec: str) -> None:
    assert peeker_of(codec, None) is None


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp8", "vp9", "libdav1d", "mpeg2video"])
def test_nothing_is_too_odd_to_be_looked_at(codec: str) -> None:
    peek = peeker_of(codec, _AVCC if codec == "h264" else b"")
    assert peek is not None
    for length in range(1, 40):
        for value in (0, 1, 0x65, 0xC7, 0xFF):
            peek(bytes([value]) * length)
            peek(_START + bytes([value]) * length)
