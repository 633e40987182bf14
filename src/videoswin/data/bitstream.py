"""What a compressed picture says of itself before it is decoded: whether decoding can start at it, whether
others need it.

Containers mark key frames too, but wrongly often enough: a file without such marks counts every picture as
one, and a picture that only usually decodes alone is marked like one that always does. So the bytes are read
here, as the standards define them: H.264 and H.265 section 7.3, VP8 RFC 6386, VP9 6.2, AV1 5.9, MPEG-2 6.2.
This module knows nothing of FFmpeg but the names of its decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple


class Peek(NamedTuple):
    """Of one packet. A codec of which nothing is known here has none."""

    is_plain: bool
    """It gives exactly one picture to show, and nothing in it turns that picture."""
    resets: bool = False
    """No later picture that is shown after this one needs any picture before it."""
    is_unused: bool = False
    """No other picture of its temporal level or below is predicted from it."""
    level: int = 0
    """Temporal level."""
    parameters: bytes = b""
    """What it says of all that follow it: size, tables and the like."""


Peeker = Callable[[bytes], Peek]

_ODD = Peek(is_plain=False)


def peeker_of(codec: str, extradata: bytes | None) -> Peeker | None:
    """How to look at packets of a codec (FFmpeg's name of the decoder); None where it can't be done."""
    if codec in ("h264", "hevc"):
        peek = _peek_h264 if codec == "h264" else _peek_hevc
        return partial(peek, length_size=_length_size(codec, extradata or b""))
    return _PEEKERS.get(codec)


def _length_size(codec: str, extradata: bytes) -> int:
    """Bytes of the length before each unit, as mp4 and Matroska have it; 0: start codes between the units."""
    if extradata[:1] != b"\x01" or len(extradata) < 23:
        # An avcC may be shorter than 23 bytes only without parameter sets, and then nothing can be decoded.
        return 0
    return (extradata[4 if codec == "h264" else 21] & 3) + 1


def _units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The units (NAL) of a packet, without lengths and start codes. A length past the end gives an empty
    one."""
    if length_size == 0:
        for part in data.split(b"\0\0\1")[1:]:
            yield part.rstrip(b"\0")
        return
    position = 0
    while position < len(data):
        start = position + length_size
        position = start + int.from_bytes(data[position:start], "big")
        yield data[start:position] if position <= len(data) else b""


def _turns(message: bytes) -> bool:
    """Whether supplemental information (SEI, without its header) holds a display orientation, type 47."""
    position = 0
    while position + 1 < len(message) and message[position] != 0x80:
        kind, position = _sum_of_bytes(message, position)
        size, position = _sum_of_bytes(message, position)
        if kind == 47:
            return True
        position += size
    return False


def _sum_of_bytes(message: bytes, position: int) -> tuple[int, int]:
    """(number, position after it): 255 means that more follows."""
    value = 0
    while position < len(message) and message[position] == 255:
        value, position = value + 255, position + 1
    return value + (message[position] if position < len(message) else 0), position + 1


def _peek_h264(data: bytes, *, length_size: int) -> Peek:
    num_pictures, first_kind, is_unused, parameters = 0, 0, True, b""
    for unit in _units(data, length_size):
        if len(unit) < 2:
            return _ODD
        kind = unit[0] & 31
        if kind in (1, 5):
            num_pictures += unit[1] >> 7  # the slice that begins at the first macroblock
            first_kind = first_kind or kind
            is_unused = is_unused and unit[0] & 0x60 == 0
        elif kind in (7, 8, 13, 15):
            parameters += unit
        elif kind in (2, 3, 4) or (kind == 6 and _turns(unit[1:])):
            return _ODD
    return Peek(num_pictures == 1, resets=first_kind == 5, is_unused=is_unused, parameters=parameters)


def _peek_hevc(data: bytes, *, length_size: int) -> Peek:
    num_pictures, kinds, level, parameters = 0, set(), 0, b""
    for unit in _units(data, length_size):
        if len(unit) < 3 or unit[0] & 1 or unit[1] >> 3:  # of a further layer
            return _ODD
        kind = unit[0] >> 1 & 63
        if kind < 32:
            num_pictures += unit[2] >> 7  # the first slice segment of a picture
            kinds.add(kind)
            level = unit[1] & 7
        elif kind in (32, 33, 34):
            parameters += unit
        elif kind in (39, 40) and _turns(unit[2:]):
            return _ODD
    return Peek(
        num_pictures == 1,
        resets=bool(kinds) and kinds <= set(range(16, 22)),
        is_unused=kinds <= {0, 2, 4, 6, 8, 10, 12, 14},
        level=level,
        parameters=parameters,
    )


def _peek_vp8(data: bytes) -> Peek:
    is_key = data[0] & 1 == 0
    return Peek(data[0] & 0x10 != 0, resets=is_key, parameters=data[6:10] if is_key else b"")


def _peek_vp9(data: bytes) -> Peek:
    """A packet may hold several pictures; all but one of a plain one are hidden."""
    frames = _vp9_frames(data)
    flags = [_vp9_flags(frame) for frame in frames if frame]
    if not flags or len(flags) != len(frames):
        return _ODD
    shown = sum(is_existing or is_shown for is_existing, _, is_shown in flags)
    resets = flags[0][1]
    # Of a key frame: colours, width and height; in profile 0 they end in the middle of a byte.
    mask = 0xF0 if frames[0][0] >> 4 & 3 == 0 else 0xFF
    parameters = frames[0][4:8] + bytes(b & mask for b in frames[0][8:9]) if resets else b""
    return Peek(shown == 1, resets=resets, parameters=parameters)


def _vp9_frames(data: bytes) -> list[bytes]:
    """The frames of a superframe, whose sizes stand at its end (VP9 annex B)."""
    marker = data[-1]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    length = 2 + count * width
    if marker & 0xE0 != 0xC0 or len(data) < length or data[-length] != marker:
        return [data]
    frames, start = [], 0
    for number in range(count):
        at = len(data) - length + 1 + number * width
        size = int.from_bytes(data[at : at + width], "little")
        frames.append(data[start : start + size])
        start += size
    return frames


def _vp9_flags(frame: bytes) -> tuple[bool, bool, bool]:
    """(shows an earlier picture, is a key frame, is shown)."""
    bits = frame[0] << 8 | (frame[1] if len(frame) > 1 else 0)
    bits = bits << (5 if frame[0] >> 4 & 3 == 3 else 4)  # profile 3 has one bit more
    is_existing = bits >> 15 & 1 == 1
    return is_existing, not is_existing and bits >> 14 & 1 == 0, not is_existing and bits >> 13 & 1 == 1


def _peek_av1(data: bytes) -> Peek:
    headers, sequence = [], b""
    for kind, payload in _av1_units(data):
        if kind == 1:
            sequence = payload
        elif kind in (3, 6) and payload:
            headers.append(payload[0])
    if any(byte & 0x08 for byte in sequence[:1]) or not headers:  # a still picture, whose headers differ
        return _ODD
    num_shown = sum(byte >> 7 or byte >> 4 & 1 for byte in headers)
    return Peek(num_shown == 1, resets=bool(sequence) and headers[0] >> 4 == 1, parameters=sequence)


def _av1_units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of the units (OBU); of a further layer or without a length: (3, a hidden frame)."""
    position = 0
    while position < len(data):
        head = data[position]
        if head & 0x04 or not head & 0x02:
            yield 3, b"\0"
            return
        position, size, shift = position + 1, 0, 0
        while position < len(data):
            byte = data[position]
            size, shift, position = size | (byte & 0x7F) << shift, shift + 7, position + 1
            if byte < 128:
                break
        yield head >> 3 & 15, data[position : position + size]
        position += size


def _peek_mpeg(data: bytes) -> Peek:
    """MPEG-1 and MPEG-2."""
    kinds, parameters = [], b""
    for unit in _units(data, 0):
        if len(unit) > 2 and unit[0] == 0x00:
            kinds.append(unit[2] >> 3 & 7)  # 1 I, 2 P, 3 B
        elif unit[:1] == b"\xb3" or (unit[:1] == b"\xb5" and not kinds):
            parameters += unit
    resets = kinds == [1] and parameters[:1] == b"\xb3"
    return Peek(len(kinds) == 1, resets=resets, is_unused=kinds == [3], parameters=parameters)


_PEEKERS: dict[str, Peeker] = {
    "vp8": _peek_vp8,
    "vp9": _peek_vp9,
    "libdav1d": _peek_av1,
    "mpeg1video": _peek_mpeg,
    "mpeg2video": _peek_mpeg,
}
