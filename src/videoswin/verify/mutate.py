"""Damage to a file, decided by a seed: what disks, networks and strangers do to videos."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Random = np.random.Generator

_HEADER_BYTES = 512
# Names of parts whose lengths stand in the 4 bytes before (mp4) or behind (AVI) them.
_MP4_PARTS = tuple(
    b"ftyp moov mvhd trak tkhd mdia mdhd minf stbl stsd stts stss stsc stsz stco ctts elst mdat".split()
)
_AVI_PARTS = tuple(b"RIFF LIST avih strh strf movi idx1".split())


def _flip_bits(content: bytearray, random: Random, other: bytes) -> None:
    for position in random.integers(len(content), size=int(random.choice((1, 4, 32, 256)))).tolist():
        content[position] ^= 1 << int(random.integers(8))


def _edit_header(content: bytearray, random: Random, other: bytes) -> None:
    """New bytes near the beginning or, where mp4 and AVI may have their index, near the end."""
    span = min(_HEADER_BYTES, len(content))
    start = int(random.choice((0, len(content) - span)))
    for position in random.integers(span, size=int(random.choice((1, 2, 8)))).tolist():
        content[start + position] = int(random.integers(256))


def _zero_block(content: bytearray, random: Random, other: bytes) -> None:
    start, end = _block(content, random)
    content[start:end] = bytes(end - start)


def _shuffle_block(content: bytearray, random: Random, other: bytes) -> None:
    start, end = _block(content, random)
    content[start:end] = random.permutation(np.frombuffer(content[start:end], dtype=np.uint8)).tobytes()


def _repeat_block(content: bytearray, random: Random, other: bytes) -> None:
    start, end = _block(content, random)
    content[end:end] = content[start:end] * int(random.integers(1, 4))


def _cut_block(content: bytearray, random: Random, other: bytes) -> None:
    start, end = _block(content, random)
    del content[start:end]


def _truncate(content: bytearray, random: Random, other: bytes) -> None:
    del content[int(random.integers(len(content))) :]


def _splice(content: bytearray, random: Random, other: bytes) -> None:
    """The beginning of one file, the end of another."""
    del content[int(random.integers(len(content))) :]
    content += other[int(random.integers(len(other))) :]


def _edit_length(content: bytearray, random: Random, other: bytes) -> None:
    """A false length of a part, in the place where its container has it."""
    places = [at - 4 for name in _MP4_PARTS if (at := content.find(name)) >= 4]
    places += [at + 4 for name in _AVI_PARTS if 0 <= (at := content.find(name)) <= len(content) - 8]
    place = int(random.choice(places)) if places else int(random.integers(max(len(content) - 4, 1)))
    lengths = (0, 1, 7, 8, 2**31 - 1, 2**31, 2**32 - 1, len(content), int(random.integers(2**32)))
    content[place : place + 4] = int(random.choice(lengths)).to_bytes(4, "big")


Mutation = Callable[[bytearray, Random, bytes], None]

MUTATIONS: dict[str, Mutation] = {
    "flip_bits": _flip_bits,
    "edit_header": _edit_header,
    "zero_block": _zero_block,
    "shuffle_block": _shuffle_block,
    "repeat_block": _repeat_block,
    "cut_block": _cut_block,
    "truncate": _truncate,
    "splice": _splice,
    "edit_length": _edit_length,
}


def mutate(content: bytes, other: bytes, random: Random) -> tuple[bytes, str]:
    """(damaged content, what was done to it): one mutation, or a few. `other` is a second file for splices.

    The same content, other and state of `random` give the same damage.
    """
    damaged = bytearray(content)
    names = random.choice(list(MUTATIONS), size=int(random.choice((1, 1, 1, 2, 3)))).tolist()
    for name in names:
        if damaged:  # a mutation before may have left nothing
            MUTATIONS[name](damaged, random, other)
    return bytes(damaged), "+".join(names)


def _block(content: bytearray, random: Random) -> tuple[int, int]:
    """[start, end) of up to 4 KiB, at least one byte."""
    start = int(random.integers(len(content)))
    return start, min(start + int(random.integers(1, 4097)), len(content))
