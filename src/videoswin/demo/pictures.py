"""Videos and pictures as text that stands inside a page: data URIs, so that the page needs no other file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from videoswin.data import film
from videoswin.data.decode import open_video

STRIP_FRAMES = 8


def png_uri(file: Path) -> str:
    return film.data_uri("image/png", file.read_bytes())


def video_uri(file: Path) -> str:
    return film.data_uri("video/mp4", file.read_bytes())


def strip_uri(video: Path) -> str:
    """STRIP_FRAMES frames of the video, evenly spaced, as a strip of film."""
    with open_video(video) as opened:
        frames = opened.read(
            lambda num_frames: np.linspace(0, num_frames - 1, STRIP_FRAMES).round().astype(np.int64)
        )
    return film.strip_uri(frames.pixels)
