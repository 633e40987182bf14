"""Pictures by index with PyAV: seek, decode what a picture needs and no more, and check that it is the one.

Every packet read is compared with the table made when the file was opened, every picture that comes out with
the packets that went in. Whatever differs ends the attempt: nothing here guesses; the full decode remains.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from functools import partial
from typing import Any, TypeAlias, cast

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoswin.data.packets import PacketTable, Part, Stamp, Survey
from videoswin.data.sampling import IntArray

_Packet: TypeAlias = "av.Packet[VideoStream]"

# A seek costs about as much as reading so many packets (20 to 45 microseconds against 4 to 7 each, mp4 and
# Matroska).
_SEEK_PACKETS = 8


class NotAsPromisedError(Exception):
    """The file is not what its packets promised when it was opened; the full decode has to decide."""


class PacketSource:
    """The packets of one open stream, by position."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        table: PacketTable,
        guarded: Callable[..., Any],
        *,
        by_pts: bool,
    ) -> None:
        """guarded: runs one call into PyAV and names its faults. by_pts: how the container's index is
        sorted."""
        self._container = container
        self._stream = stream
        self._table = table
        self._guarded = guarded
        self._by_pts = by_pts
        self._packets: Iterator[_Packet] = iter(())
        self._position: int | None = None

    def frames(self, wanted: IntArray) -> Generator[tuple[int, VideoFrame], None, None]:
        """(index, frame) in the order of display for `wanted`, ascending; index -1 for a frame that had to be
        decoded on the way."""
        is_wanted = set(wanted.tolist())
        for part in self._table.parts(wanted):
            self._stream.codec_context.flush_buffers()
            expected = self._expected(part)
            for frame in self._decode(part):
                index = self._table.index_of.get(frame.pts) if frame.pts is not None else None
                if index is None or index != next(expected, None):
                    raise NotAsPromisedError("another picture than the packets promised")
                yield (index if index in is_wanted else -1), frame
            if next(expected, None) is not None:
                raise NotAsPromisedError("fewer pictures than the packets promised")

    def _expected(self, part: Part) -> Iterator[int]:
        """Indices that the packets of a part give, in order."""
        pts = sorted(self._table.stamps[position].pts for position in part.needed.tolist())
        return iter([self._table.index_of[time] for time in pts if time in self._table.index_of])

    def _decode(self, part: Part) -> Generator[VideoFrame, None, None]:
        needed = set(part.needed.tolist())
        for position, packet in self._read(part):
            if position in needed:
                yield from self._guarded(partial(self._stream.decode, packet), f"packet {position}")
        end = cast(_Packet, av.Packet())  # of no stream: the mark of the end
        end.time_base = self._stream.time_base or Fraction(0)  # without it the last pictures have no time
        yield from self._guarded(partial(self._stream.decode, end), "the end")

    def _read(self, part: Part) -> Generator[tuple[int, _Packet], None, None]:
        """(position, packet) of a part."""
        self._go_to(part.start)
        for position in range(part.start, part.stop):
            if position > part.start or self._position == part.start:
                packet = self._next()
            else:
                packet = self._find(part.start)
            if stamp_of(packet) != self._table.stamps[position]:
                raise NotAsPromisedError("another packet than when the file was opened")
            self._position = position + 1
            yield position, packet

    def _go_to(self, position: int) -> None:
        """Seek, unless reading on is cheaper."""
        if self._position is not None and 0 <= position - self._position < _SEEK_PACKETS:
            return
        time = self._table.stamps[position].pts if self._by_pts else self._table.dts[position]
        if time is None:
            raise NotAsPromisedError("a packet without the time that the container is searched by")
        self._position = None
        self._guarded(partial(self._container.seek, time, stream=self._stream), "seeking")
        self._packets = self._container.demux(self._stream)

    def _find(self, position: int) -> _Packet:
        """Read on to the packet of a safe point; containers may lead to one before it."""
        sought = self._table.stamps[position]
        for _ in range(len(self._table.stamps)):
            packet = self._next()
            stamp = stamp_of(packet)
            if stamp == sought:
                return packet
            if stamp is None or stamp.pts >= sought.pts:
                break
        raise NotAsPromisedError("seeking led past the place")

    def _next(self) -> _Packet:
        packet: _Packet | None = self._guarded(partial(next, self._packets, None), "reading")
        if packet is None or is_flush(packet):
            raise NotAsPromisedError("the file ends before it did when it was opened")
        return packet


def is_flush(packet: _Packet) -> bool:
    """Whether it is the empty packet with which PyAV marks the end."""
    return packet.size == 0 and packet.pts is None


def stamp_of(packet: _Packet) -> Stamp | None:
    """None where the packet has no time."""
    return None if packet.pts is None else Stamp(packet.pts, packet.size, packet.pos)


def add_packet(survey: Survey, packet: _Packet) -> None:
    """Enter a packet into the survey; parameters beside its bytes make it one of an unknown kind."""
    changes = packet.has_sidedata("new_extradata") or packet.has_sidedata("param_change")
    survey.add(
        b"" if changes else bytes(packet),
        stamp_of(packet),
        dts=packet.dts,
        is_key=packet.is_keyframe,
        is_cut=packet.is_discard,
    )
