"""How many bytes a container says it has beyond the end of the file.

FFmpeg plays a cut-off Matroska file to the cut without a word, and says only "invalid data" of a cut-off mp4.
Both write the lengths of their outermost parts first, so the cut is seen without decoding. AVI, MPEG and GIF
are left to the decoder: their lengths are missing or often wrong in good files.
"""

from __future__ import annotations

from typing import BinaryIO

_MAX_BOXES = 100_000  # a fragmented mp4 has two a second or so; a file of empty boxes must not keep us here

_EBML_HEADER = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def num_missing_bytes(file: BinaryIO, num_bytes: int) -> tuple[int, bool]:
    """(bytes beyond the end of the file that its container counts on, whether the index it needs to play is
    there).

    (0, True) where the container is whole, unknown or does not say.
    """
    file.seek(0)
    start = file.read(12)
    if start[:4] == _EBML_HEADER:
        return _missing_in_matroska(file, num_bytes), True
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _missing_in_mp4(file, num_bytes)
    return 0, True


def _missing_in_mp4(file: BinaryIO, num_bytes: int) -> tuple[int, bool]:
    """Walk the outermost boxes: 4 bytes of size, 4 of type; size 1: 8 more bytes of size; size 0: to the
    end."""
    offset = 0
    has_index = False
    for _ in range(_MAX_BOXES):
        file.seek(offset)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1 and len(head) == 16:
            size = int.from_bytes(head[8:16], "big")
        if len(head) < 8 or size < 8:
            break
        has_index |= kind == b"moov"
        offset += size
        if offset > num_bytes:
            # Only these parts are needed to play; others may be anything, even garbage after a whole video.
            needed = kind in (b"moov", b"mdat", b"moof")
            has_index &= kind != b"moov"
            return (offset - num_bytes, has_index) if needed else (0, True)
    return 0, True


def _missing_in_matroska(file: BinaryIO, num_bytes: int) -> int:
    """The segment, which holds everything, follows the EBML header. Live recordings leave its length
    unknown."""
    file.seek(len(_EBML_HEADER))
    header_size = _read_length(file)
    if header_size is None:
        return 0
    file.seek(header_size, 1)
    if file.read(len(_SEGMENT)) != _SEGMENT:
        return 0
    segment_size = _read_length(file)
    return 0 if segment_size is None else max(file.tell() + segment_size - num_bytes, 0)


def _read_length(file: BinaryIO) -> int | None:
    """An EBML number: the leading zero bits of the first byte count the bytes that follow; all ones means
    unknown."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    num_more = 8 - first[0].bit_length()
    value_bits = 7 * (num_more + 1)
    value = int.from_bytes(first + file.read(num_more), "big") & ((1 << value_bits) - 1)
    return None if value == (1 << value_bits) - 1 else value
