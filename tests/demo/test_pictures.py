from __future__ import annotations

import base64
import io
from pathlib import Path

from matplotlib.image import imread

from videoswin.demo.pictures import png_uri, strip_uri, video_uri


def test_strip_uri_is_a_picture_of_eight_frames(videos: Path) -> None:
    kind, text = strip_uri(videos / "test" / "zoom_in" / "000.mp4").split(",")
    assert kind == "data:image/jpeg;base64"
    assert imread(io.BytesIO(base64.b64decode(text)), format="jpeg").shape == (96 + 24, 8 * (128 + 4), 3)


def test_uris_hold_the_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\x00\xff content")
    text = base64.b64encode(b"\x00\xff content").decode()
    assert png_uri(file) == f"data:image/png;base64,{text}"
    assert video_uri(file) == f"data:video/mp4;base64,{text}"
