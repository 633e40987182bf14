"""One picture file, JPEG or PNG, to upright RGB. FFmpeg opens no file: its decoder gets the bytes."""

from __future__ import annotations

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from videoswin.data.gate import Limits, check_size, read_picture
from videoswin.data.orientation import frame_orientation
from videoswin.data.picture import Pixels
from videoswin.errors import DecodeError


def read_still(path: str, limits: Limits) -> Pixels:
    """(H, W, 3) of a picture file, turned as it says it is to be shown. Raises DecodeError."""
    content, decoder = read_picture(path, limits)
    try:
        frame = _decode(content, decoder, limits)
        if frame is None or frame.is_corrupt:
            raise DecodeError(path, "V04", "the picture is damaged or cut off")
        check_size(path, frame.width, frame.height, limits)
        stored: Pixels = np.asarray(VideoReformatter().reformat(frame, format="rgb24").to_ndarray(), np.uint8)
    except av.ArgumentError as error:
        limit = f"max_pixels = {limits.max_pixels:,}"
        raise DecodeError(path, "V18", f"larger than {limit}, or of impossible parameters") from error
    except MemoryError as error:
        raise DecodeError(path, "V18", "the picture needs more memory than there is") from error
    except (av.FFmpegError, ValueError, EOFError, LookupError) as error:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DecodeError(path, "V04", f"the picture can't be decoded: {text}") from error
    return frame_orientation(frame).apply(stored)


def _decode(content: bytes, decoder: str, limits: Limits) -> VideoFrame | None:
    context = av.CodecContext.create(decoder, "r")
    assert isinstance(context, VideoCodecContext), decoder
    # FFmpeg counts the padding around its pictures; `check_size` holds the limit itself.
    context.options = {"max_pixels": str(2 * limits.max_pixels + 4096), "err_detect": "explode"}
    context.thread_count = 1
    frames = [*context.decode(av.Packet(content)), *context.decode(None)]
    return frames[0] if frames else None
