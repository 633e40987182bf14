"""What may be opened as a video: regular local files of a few containers and codecs, within stated limits.

FFmpeg reads some 350 formats, follows playlists to other files and servers, and would open a pipe or a text
file just as well. Nothing reaches it before it has passed here. A name never does: the decoder gets the open
file, so `http:x.mp4` is a file name like any other. This module knows nothing of FFmpeg but the names of its
demuxers and decoders.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from typing import BinaryIO

from videoswin.data.tar import open_member, split_member
from videoswin.data.truncation import num_missing_bytes
from videoswin.errors import DecodeError

# FFmpeg's name of the demuxer -> the name we report. MPEG is what UCF11 comes in; GIF is no risk under
# max_pixels.
CONTAINERS = {
    "mov": "mp4/mov",
    "matroska": "matroska/webm",
    "avi": "avi",
    "mpegts": "mpeg-ts",
    "mpeg": "mpeg-ps",
    "gif": "gif",
}

# FFmpeg's name of the decoder -> the name we report.
CODECS = {
    "h264": "h264",
    "hevc": "hevc",
    "vp8": "vp8",
    "vp9": "vp9",
    "libdav1d": "av1",
    "mpeg4": "mpeg4",
    "mpeg1video": "mpeg1video",
    "mpeg2video": "mpeg2video",
    "mjpeg": "mjpeg",
    "gif": "gif",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on what one video may cost. Passing one makes the video a named failure, never a hang or a full
    memory."""

    max_pixels: int = 4096 * 4096
    """Pixels of one picture, checked before it is decoded. The size up to which FFmpeg itself is fuzzed."""
    max_frames: int = 100_000
    """Pictures decoded in one reading: nearly an hour at 30 frames per second."""
    max_seconds: float = 4 * 3600.0
    """Duration the container declares."""
    max_packets: int = 2_000_000
    """Compressed pictures counted in one file."""
    max_memory: int = 1536 * 2**20
    """Bytes that reading may take, beyond those of the process itself. Held where a process is lent for it
    (`data.untrusted`, `videoswin verify fuzz`)."""
    max_wall_seconds: float = 60.0
    """Time that opening, or one reading, may take. Held where `max_memory` is."""


DEFAULT_LIMITS = Limits()

_MAX_BYTES_A_PIXEL = 8  # four channels of 16 bits, as a PNG that compresses nothing has them


# What a picture of a folder of pictures begins with -> FFmpeg's name of the decoder.
PICTURES = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG\r\n": "png"}


_TEXT_KINDS = (  # what a text begins with (lower case) -> row of the fault catalogue, what it is
    (
        b"version https://git-lfs.github.com",
        "V05",
        "a Git LFS pointer (fetch the video itself with: git lfs pull)",
    ),
    (b"<!doctype html", "V05", "an HTML page"),
    (b"<html", "V05", "an HTML page"),
    (b"ffconcat version", "V12", "an ffconcat playlist, which names other files"),
    (b"#extm3u", "V11", "a playlist, which names other files"),
    (b"[playlist]", "V13", "a playlist, which names other files"),
    (b"<?xml", "V13", "an XML text"),
    (b"<mpd", "V13", "a DASH playlist, which names other files"),
    (b"v=0", "V13", "a session description, which names network addresses"),
    (b"{", "V05", "a JSON text"),
)

_BINARY_KINDS = (  # what a file begins with -> what it is
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
)


def open_regular(path: str) -> BinaryIO:
    """Open a video file for reading, or say in one line why it is none.

    Returns at once whatever the path names: a pipe is opened without waiting for a writer, then refused. The
    content is looked at only to name the usual mistakes (an error page, an unfetched LFS file, a cut-off
    download). `X.tar/NAME` is the file NAME inside the tar file X.tar. Raises DecodeError V01, V02, V03, V05,
    V09 to V13, V16, V33, V34, A13.
    """
    inside = split_member(path)
    if inside is None:
        descriptor, num_bytes = _open_descriptor(path)
        file: BinaryIO = os.fdopen(descriptor, "rb")
    else:
        file, num_bytes = open_member(path, *inside)
    try:
        _refuse_known_kinds(path, file, num_bytes)
        _refuse_truncated(path, file, num_bytes)
    except OSError as error:
        file.close()
        raise DecodeError(path, "V35", f"can't be read: {error.strerror}") from error
    except BaseException:
        file.close()
        raise
    return file


def read_picture(path: str, limits: Limits) -> tuple[bytes, str]:
    """(content, FFmpeg's name of the decoder) of a JPEG or PNG file, told by its content.

    Raises DecodeError V01, V09, V16, V18, V33 to V35.
    """
    descriptor, num_bytes = _open_descriptor(path)
    with os.fdopen(descriptor, "rb") as file:
        if num_bytes > (limit := _MAX_BYTES_A_PIXEL * limits.max_pixels):
            raise DecodeError(path, "V18", f"a picture of {num_bytes:,} bytes exceeds {limit:,}")
        try:
            content = file.read(limit)
        except OSError as error:
            raise DecodeError(path, "V35", f"can't be read: {error.strerror}") from error
    for magic, decoder in PICTURES.items():
        if content.startswith(magic):
            return content, decoder
    raise DecodeError(path, "V09", "not a JPEG or PNG picture")


def check_container(path: str, demuxer: str) -> str:
    """The reported name of an allowed container, from FFmpeg's name such as `mov,mp4,m4a,3gp,3g2,mj2`."""
    name = demuxer.split(",")[0]
    if name not in CONTAINERS:
        raise DecodeError(
            path, "V09", f"container {name} is not supported; allowed: {', '.join(CONTAINERS.values())}"
        )
    return CONTAINERS[name]


def check_codec(path: str, decoder: str) -> str:
    """The reported name of an allowed codec, from FFmpeg's name of the decoder."""
    if decoder not in CODECS:
        raise DecodeError(
            path, "V32", f"codec {decoder} is not supported; allowed: {', '.join(CODECS.values())}"
        )
    return CODECS[decoder]


def check_size(path: str, width: int, height: int, limits: Limits) -> None:
    """Refuse pictures of more pixels than allowed (DecodeError V18)."""
    if width * height > limits.max_pixels:
        raise DecodeError(
            path, "V18", f"pictures of {width}x{height} exceed max_pixels = {limits.max_pixels:,}"
        )


def _open_descriptor(path: str) -> tuple[int, int]:
    """(descriptor, size in bytes) of a regular file that is not empty."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _explain_open_error(path, error) from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size > 0:
        return descriptor, status.st_size
    os.close(descriptor)
    if stat.S_ISREG(status.st_mode):
        raise DecodeError(path, "V01", "empty file")
    raise DecodeError(path, "V33", f"not a regular file but {_kind_of(status.st_mode)}")


def _explain_open_error(path: str, error: OSError | ValueError) -> DecodeError:
    if isinstance(error, ValueError):  # a NUL in the name
        return DecodeError(path, "V34", f"not a file name: {error}")
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):
            return DecodeError(path, "V33", f"a link to {os.readlink(path)!r}, which does not exist")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", path):
            return DecodeError(path, "V16", "not a local file; addresses are not opened")
        return DecodeError(path, "V34", "no such file")
    # ENXIO: a socket. ELOOP: links in a circle.
    code = "V33" if error.errno in (errno.ENXIO, errno.ELOOP) else "V34"
    return DecodeError(path, code, f"can't be opened: {error.strerror}")


def _kind_of(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISCHR, "a device"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "a special file")


def _refuse_known_kinds(path: str, file: BinaryIO, num_bytes: int) -> None:
    start = file.read(512)
    for magic, kind in _BINARY_KINDS:
        if start.startswith(magic):
            raise DecodeError(path, "V09", f"not a video but {kind} of {num_bytes:,} bytes")
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        raise DecodeError(path, "V09", f"not a video but a WebP picture of {num_bytes:,} bytes")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, code, kind in _TEXT_KINDS:
        if text.startswith(beginning):
            raise DecodeError(path, code, f"not a video but {kind} of {num_bytes:,} bytes")
    # Every allowed container has control characters in its first bytes.
    if not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", start):
        raise DecodeError(path, "V10", f"not a video but a text of {num_bytes:,} bytes")


def _refuse_truncated(path: str, file: BinaryIO, num_bytes: int) -> None:
    missing, has_index = num_missing_bytes(file, num_bytes)
    if missing and not has_index:
        raise DecodeError(
            path, "V02", f"the file is truncated: {missing:,} bytes and the index (moov) are missing"
        )
    if missing:
        raise DecodeError(path, "V03", f"the file is truncated: at least {missing:,} bytes are missing")
