from __future__ import annotations

import importlib.util
import typing
from pathlib import Path

import numpy as np
import pytest

from tests.data.material import read_numbers, write_video
from videoswin.data.decode import Video
from videoswin.data.pictures_folder import PictureFolder
from videoswin.data.reader import READERS, Reader, open_reader
from videoswin.data.torchcodec_reader import TorchcodecVideo
from videoswin.data.untrusted import UntrustedVideo
from videoswin.errors import ConfigError, DecodeError

INTERFACE = ("header", "info", "read", "times", "count_decodable")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("reader") / "a.mp4", options={"bf": "2"})


def test_every_name_has_a_reader_and_every_reader_the_interface() -> None:
    assert set(READERS) == set(typing.get_args(Reader))
    for kind in (Video, PictureFolder, TorchcodecVideo, UntrustedVideo):
        assert all(hasattr(kind, name) for name in INTERFACE if name not in ("header", "info"))


@pytest.mark.parametrize("reader", ["pyav", "untrusted"])
def test_readers_agree(clip: Path, reader: Reader) -> None:
    with open_reader(clip, reader=reader) as video:
        assert (video.header.codec, video.info.num_frames) == ("h264", 24)
        assert read_numbers(video.read(lambda n: np.array([5, 23, 0])).pixels) == [5, 23, 0]


def test_torchcodec(clip: Path) -> None:
    """It needs the FFmpeg of the system, so it is not everywhere."""
    try:
        with open_reader(clip, reader="torchcodec") as video:
            frames = video.read(lambda n: np.array([[5, 23], [0, 5]]), short_side=32)
            assert video.count_decodable() == (24, None)
    except ConfigError as error:
        pytest.skip(str(error))
    assert read_numbers(frames.pixels) == [5, 23, 0, 5]
    with open_reader(clip) as video:
        ours = video.read(lambda n: np.array([5, 23, 0, 5]), short_side=32)
    assert np.abs(frames.pixels.astype(int) - ours.pixels).max() <= 3
    np.testing.assert_allclose(frames.pts_seconds, ours.pts_seconds)


@pytest.mark.parametrize("reader", ["pyav", "torchcodec"])
def test_the_gate_stands_before_every_reader(tmp_path: Path, reader: Reader) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"ffconcat version 1.0\nfile 'secret.mp4'\n")
    try:
        with pytest.raises(DecodeError, match=r"\[V12\]"), open_reader(tmp_path / "clip.mp4", reader=reader):
            pass
    except ConfigError as error:
        pytest.skip(str(error))


def test_a_folder_is_not_handed_to_another_process(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"\[V33\] .* not a regular file but a directory"):
        with open_reader(tmp_path, reader="untrusted"):
            pass


def test_a_reader_that_is_not_there_is_named(clip: Path) -> None:
    if importlib.util.find_spec("torchcodec") is not None:
        pytest.skip("torchcodec is installed")
    with pytest.raises(ConfigError, match="reader=torchcodec needs torchcodec: pip install"):
        with open_reader(clip, reader="torchcodec"):
            pass
