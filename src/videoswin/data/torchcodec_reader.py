"""torchcodec in the place of PyAV, for trusted files where it and the FFmpeg of the system are installed.

The gate, the header, the choice of the stream and the count of pictures stay ours: torchcodec opens anything
of any size. It does not say which pictures are damaged; PyAV does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from videoswin.data.container import Container
from videoswin.data.decode import Video
from videoswin.data.gate import DEFAULT_LIMITS, Limits, open_regular
from videoswin.data.picture import resize_frames
from videoswin.data.sampling import IntArray
from videoswin.data.segments import FloatArray
from videoswin.data.sizes import output_size
from videoswin.errors import ConfigError, DecodeError
from videoswin.packages import require
from videoswin.values import Frames, Resize


@contextmanager
def open_torchcodec(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, num_threads: int = 1
) -> Iterator[TorchcodecVideo]:
    """Open a video through the gate, for torchcodec to decode.

    num_threads: see `open_video`. Raises DecodeError, and ConfigError where torchcodec is not to be had.
    """
    decoder = _decoder()
    name = os.fspath(path)
    with open_regular(name) as file:
        container = Container(name, file, limits, num_threads=num_threads)
        yield TorchcodecVideo(name, file, container, limits, decoder=decoder, num_threads=num_threads)


class TorchcodecVideo:
    """A video whose pictures torchcodec decodes, by exact index; made by `open_torchcodec`."""

    def __init__(
        self,
        path: str,
        file: BinaryIO,
        container: Container,
        limits: Limits,
        *,
        decoder: Callable[..., Any],
        num_threads: int,
    ) -> None:
        self._path = path
        self._limits = limits
        self._video = Video(path, container, limits)
        self.header = container.header
        self.info = self._video.info
        file.seek(0)
        with self._faults("opening"):
            self._decoder = decoder(
                file,
                stream_index=container.stream_index,
                dimension_order="NHWC",
                num_ffmpeg_threads=num_threads,
                seek_mode="exact",
            )
            num_frames = len(self._decoder)
        if num_frames != self.info.num_frames:
            counts = f"{num_frames} pictures where the file holds {self.info.num_frames}"
            raise DecodeError(path, "V20", f"torchcodec counts {counts}; read it with PyAV")

    def read(
        self,
        plan: Callable[[int], IntArray],
        *,
        short_side: int | None = None,
        resize: Resize = "bilinear",
    ) -> Frames:
        """See decode.Video; but a file of which less can be decoded than it holds is refused."""
        indices, places = np.unique(plan(self.info.num_frames).reshape(-1), return_inverse=True)
        height, width = output_size(
            self._path, self.info.height, self.info.width, short_side=short_side, limits=self._limits
        )
        with self._faults("decoding"):
            decoded = self._decoder.get_frames_at(indices.tolist())
        pixels = resize_frames(decoded.data, height=height, width=width, resize=resize).numpy()
        times = decoded.pts_seconds.numpy()
        return Frames(pixels=pixels[places], pts_seconds=times[places])

    def times(self) -> FloatArray:
        """See decode.Video."""
        return self._video.times()

    def count_decodable(self) -> tuple[int, DecodeError | None]:
        """See decode.Video."""
        for index in range(self.info.num_frames):
            try:
                with self._faults(f"picture {index}"):
                    self._decoder.get_frame_at(index)
            except DecodeError as fault:
                return index, fault
        return self.info.num_frames, None

    @contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        """torchcodec's errors are of Python's own types."""
        try:
            yield
        except (RuntimeError, ValueError, IndexError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DecodeError(self._path, "V04", f"{what} with torchcodec: {reason}") from error


def _decoder() -> Callable[..., Any]:
    """torchcodec's VideoDecoder. Raises ConfigError."""
    require(("torchcodec",), purpose="reader=torchcodec", extra="torchcodec")
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigError(
            "reader=torchcodec: torchcodec is installed but can't be loaded; it needs the FFmpeg libraries "
            "of the system (4 to 8), and a build that fits torch"
        ) from error
    decoder: Callable[..., Any] = VideoDecoder
    return decoder
