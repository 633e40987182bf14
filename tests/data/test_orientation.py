from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.material import numbered_picture
from tests.data.test_pictures_folder import write_picture
from videoswin.data.decode import open_video
from videoswin.data.pictures_folder import open_folder

# EXIF's number of an orientation -> quarter turns counter-clockwise that make the picture upright.
TURNS = {1: 0, 3: 2, 6: 3, 8: 1}


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)
    tiff = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 2) + tiff + jpeg[2:]


@pytest.mark.parametrize("orientation", TURNS)
def test_jpeg_pictures_with_exif_are_upright(tmp_path: Path, orientation: int) -> None:
    """PyAV can't list what is beside such a picture; it ended in a ValueError."""
    plain = write_picture(tmp_path / "img_1.jpg", 77).read_bytes()
    content = with_exif(plain, orientation)
    (tmp_path / "img_1.jpg").write_bytes(content)
    with av.open(str(tmp_path / "a.avi"), "w") as file:
        stream = file.add_stream("mjpeg", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj444p"
        for time in range(2):
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts = stream, time, time
            file.mux(packet)
    expected = np.rot90(numbered_picture(77), TURNS[orientation]).astype(int)
    with open_folder(tmp_path) as folder, open_video(tmp_path / "a.avi") as video:
        for opened in (folder, video):
            assert (opened.info.height, opened.info.width) == expected.shape[:2]
            pixels = opened.read(lambda n: np.array([0])).pixels[0]
            assert np.abs(pixels.astype(int) - expected).max() <= 12
