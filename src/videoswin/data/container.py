"""PyAV behind the gate: the pictures of one open file, in order or by index (`data.seeking`).

Every fault of a file, however PyAV reports it, becomes one DecodeError with the file's name; a damaged
picture is a fault, never a picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from functools import cache, partial
from typing import BinaryIO, NamedTuple, TypeVar

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoswin.data.bitstream import peeker_of
from videoswin.data.gate import CODECS, CONTAINERS, Limits, check_codec, check_container, check_size
from videoswin.data.packets import PacketTable, Survey
from videoswin.data.sampling import IntArray
from videoswin.data.seeking import NotAsPromisedError, PacketSource, add_packet, is_flush
from videoswin.data.segments import FloatArray, display_times
from videoswin.data.upright import Converter, Picture
from videoswin.errors import DecodeError

_T = TypeVar("_T")

# Containers, as `gate.CONTAINERS` names them, whose index gives times of display; others: of decoding.
_SOUGHT_BY_PTS = ("matroska/webm",)

# A picture of 8x8, for the test of the options.
_TINY_GIF = bytes.fromhex(
    "474946383961 0800 0800 80 00 00 000000 ffffff 2c 0000 0000 0100 0100 00 02 02 4401 00 3b"
)


class Header(NamedTuple):
    """What the container says of itself; see decode.VideoInfo for the fields."""

    container: str
    codec: str
    declared_frames: int | None
    frames_per_second: float
    seconds: float


class Container:
    """An open file with one video stream of interest. Its pictures are had in full from the beginning, or by
    index. One iteration at a time: a new one ends the one before."""

    def __init__(self, path: str, file: BinaryIO, limits: Limits, *, num_threads: int) -> None:
        """Reads the header and counts the pictures, without decoding them. Raises DecodeError."""
        check_options_work()
        self._path = path
        self._file = file
        self._limits = limits
        self._num_threads = num_threads
        self._held: tuple[InputContainer, VideoStream] | None = None
        container, stream = self._open_stream()
        self.header = Header(
            container=check_container(path, container.format.name),
            codec=check_codec(path, stream.codec_context.name),
            declared_frames=stream.frames or None,
            frames_per_second=float(stream.average_rate or 0),
            seconds=self._duration(container, stream),
        )
        self.stream_index = stream.index
        self.num_frames, self.table = self._look_at_packets(container, stream)
        """The pictures that can be had by index; None where they have to be counted off."""

    def close(self) -> None:
        """Let go of the decoder; the file itself is its owner's."""
        if self._held is not None:
            self._held[0].close()
        self._held = None

    def pictures(self) -> Generator[Picture, None, None]:
        """Every picture in the order of display. Ends at the first fault with DecodeError."""
        container, stream = self._open_stream()
        count = 0
        converter = None
        for packet in self._packets(container, stream):
            for frame in self._guarded(partial(stream.decode, packet), f"picture {count}"):
                self._check_picture(frame, count)
                converter = converter or Converter(frame, self._guarded, self._num_threads)
                yield Picture(frame, converter)
                count += 1

    def pictures_at(self, wanted: IntArray) -> Generator[tuple[int, Picture], None, None]:
        """(index, picture) of the wanted indices, ascending, with as little decoding as they need.

        What is not wanted is not looked at: damage there is not noticed. Raises NotAsPromisedError where the
        file turns out to be other than its packets promised, and DecodeError; in both cases the full decode
        of `pictures` decides. Needs `table`.
        """
        assert self.table is not None, "asked for pictures by index of a file without"
        container, stream = self._held or self._open_stream()
        by_pts = self.header.container in _SOUGHT_BY_PTS
        source = PacketSource(container, stream, self.table, self._guarded, by_pts=by_pts)
        converter = None
        count = 0
        for index, frame in source.frames(wanted):
            self._check_picture(frame, count)
            converter = converter or Converter(frame, self._guarded, self._num_threads)
            if not converter.fits(frame):
                raise NotAsPromisedError("a picture of another size")
            count += 1
            if index >= 0:
                yield index, Picture(frame, converter)

    def times(self) -> FloatArray:
        """(num_frames,) seconds at which the pictures are shown, ascending. Decodes nothing."""
        container, stream = self._open_stream()
        packets = self._packets(container, stream)
        stamps = [packet.pts for packet in packets if packet.size > 0 and not packet.is_discard]
        return display_times(stamps, time_base=stream.time_base, rate=self.header.frames_per_second)

    def _check_picture(self, frame: VideoFrame, count: int) -> None:
        """count: of pictures decoded before it in this reading."""
        check_size(self._path, frame.width, frame.height, self._limits)
        if frame.is_corrupt:
            raise DecodeError(self._path, "V04", f"picture {count} of {self.num_frames} is damaged")
        if count == self._limits.max_frames:
            raise DecodeError(self._path, "V19", f"more pictures than max_frames = {count:,}")

    def _open_stream(self) -> tuple[InputContainer, VideoStream]:
        """The file from its beginning, ready to decode."""
        self.close()
        container = self._open()
        try:
            stream = self._choose_stream(container)
        except DecodeError:
            container.close()
            raise
        stream.codec_context.options = {"max_pixels": _padded(self._limits.max_pixels)}
        stream.codec_context.thread_count = self._num_threads
        if self._num_threads != 1:
            stream.codec_context.thread_type = "AUTO"
        self._held = container, stream
        return self._held

    def _open(self) -> InputContainer:
        self._file.seek(0)
        try:
            return av.open(self._file, "r", options=_options(self._limits), metadata_errors="replace")
        except av.ArgumentError as error:  # what `format_whitelist` answers
            allowed = ", ".join(CONTAINERS.values())
            raise DecodeError(
                self._path, "V09", f"not a video in a supported container: {allowed}"
            ) from error
        except Exception as error:
            raise self._fault("not a readable video", error, code="V05") from error

    def _choose_stream(self, container: InputContainer) -> VideoStream:
        """The first video stream that is not a cover picture; the others are left unread.

        The first, not the largest: the one that decord, OpenCV and the published pipelines read.
        """
        videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos:
            raise DecodeError(self._path, "V07", "no video stream")
        for stream in container.streams:
            if stream is not videos[0]:
                stream.discard = Discard.all
        if videos[0].codec_context is None:
            raise DecodeError(
                self._path, "V32", "the video is encrypted or of a codec this build can't decode"
            )
        check_size(self._path, videos[0].codec_context.width, videos[0].codec_context.height, self._limits)
        return videos[0]

    def _duration(self, container: InputContainer, stream: VideoStream) -> float:
        """Declared seconds, 0 where nothing is declared. Raises DecodeError V19 past the limit."""
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (container.duration or 0) / av.time_base
        if seconds > self._limits.max_seconds:
            limit = f"max_seconds = {self._limits.max_seconds:,.0f}"
            raise DecodeError(self._path, "V19", f"a declared duration of {seconds:,.0f} s exceeds {limit}")
        return max(seconds, 0.0)

    def _look_at_packets(
        self, container: InputContainer, stream: VideoStream
    ) -> tuple[int, PacketTable | None]:
        """(number of packets that hold a picture to show, what they tell of where pictures are).

        Those that hold none: the empty one that flushes, and what an edit list cuts away.
        """
        context = stream.codec_context
        survey = Survey(peeker_of(context.name, context.extradata), context.reorder_depth)
        count = 0
        for packet in self._packets(container, stream):
            if packet.is_corrupt:
                raise DecodeError(self._path, "V03", f"the file is damaged or cut off after {count} pictures")
            count += packet.size > 0 and not packet.is_discard
            if count > self._limits.max_packets:
                raise DecodeError(self._path, "V19", f"more pictures than max_packets = {count - 1:,}")
            if not survey.is_hopeless and not is_flush(packet):
                add_packet(survey, packet)
        if count == 0:
            raise DecodeError(self._path, "V03", "the file holds no picture; is it truncated?")
        return count, survey.table()

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Generator[av.Packet[VideoStream], None, None]:
        packets = container.demux(stream)
        while (packet := self._guarded(partial(next, packets, None), "reading")) is not None:
            yield packet

    def _guarded(self, call: Callable[[], _T], what: str) -> _T:
        """Run one call into PyAV. Bad files raise far more than its own errors: IndexError, MemoryError
        ..."""
        try:
            return call()
        except Exception as error:
            raise self._fault(what, error) from error

    def _fault(self, what: str, error: Exception, *, code: str = "V04") -> DecodeError:
        """PyAV's error as ours, in one line without FFmpeg's numbers. code: for damage of no special kind."""
        if isinstance(error, av.ArgumentError):
            limit = f"max_pixels = {self._limits.max_pixels:,}"
            return DecodeError(self._path, "V18", f"{what}: larger than {limit}, or of impossible parameters")
        if isinstance(error, (av.PatchWelcomeError, av.DecoderNotFoundError)):
            return DecodeError(self._path, "V32", f"{what}: a codec feature that this build can't decode")
        if isinstance(error, MemoryError):
            return DecodeError(self._path, "V18", f"{what}: needs more memory than there is")
        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            return DecodeError(self._path, "V35", f"{what}: {error.strerror}")
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return DecodeError(self._path, code, f"{what}: {' '.join(str(text).split())}")


def _options(limits: Limits) -> dict[str, str]:
    """Options for opening. They also bound the decoders that FFmpeg runs to find out what the streams are."""
    return {
        "format_whitelist": ",".join(CONTAINERS),
        "codec_whitelist": ",".join(CODECS),
        "protocol_whitelist": "none",
        "max_pixels": _padded(limits.max_pixels),
    }


def _padded(max_pixels: int) -> str:
    """The limit as FFmpeg counts: with the padding around its pictures. `check_size` holds the limit
    itself."""
    return str(2 * max_pixels + 4096)


@cache
def check_options_work() -> None:
    """FFmpeg ignores options it doesn't know: were one renamed, the gate would stand open without a word.

    Tried once a process on a picture of 39 bytes. Raises RuntimeError where an option is not obeyed.
    """
    sound = {"format_whitelist": "gif", "max_pixels": "10000"}
    for options, expected in (
        (sound, True),
        ({"format_whitelist": "avi"}, False),
        ({"max_pixels": "1"}, False),
    ):
        if reads_tiny_gif(options) is not expected:
            raise RuntimeError(f"this build of FFmpeg does not obey {options}; no video is read with it")


def reads_tiny_gif(options: dict[str, str]) -> bool:
    """Whether PyAV, given these options, decodes a sound GIF of 8x8."""
    try:
        with av.open(io.BytesIO(_TINY_GIF), "r", options=options) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = options
            return len(list(container.decode(stream))) == 1
    except av.FFmpegError:
        return False
