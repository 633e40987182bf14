from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.material import numbered_picture, read_numbers
from videoswin.data.decode import VideoInfo
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.data.pictures_folder import open_folder
from videoswin.data.reader import open_reader
from videoswin.errors import DecodeError

ENCODERS = {".jpg": ("mjpeg", "yuvj444p"), ".png": ("png", "rgb24")}


def write_picture(path: Path, number: int, *, height: int = 64, width: int = 96) -> Path:
    encoder, pixel_format = ENCODERS[path.suffix]
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width, context.pix_fmt = height, width, pixel_format
    context.time_base = 1  # type: ignore[assignment]
    if encoder == "mjpeg":
        context.options = {"qmin": "1", "qmax": "2", "strict": "unofficial"}
    frame = av.VideoFrame.from_ndarray(numbered_picture(number, height=height, width=width), format="rgb24")
    packets = [*context.encode(frame.reformat(format=pixel_format)), *context.encode(None)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


def write_folder(folder: Path, *, count: int = 12, suffix: str = ".jpg", digits: int = 5) -> Path:
    for number in range(count):
        write_picture(folder / f"img_{number + 1:0{digits}d}{suffix}", number)
    return folder


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("digits", [1, 5])  # without leading zeros img_10 would come before img_2
def test_index_i_is_the_i_th_picture(tmp_path: Path, suffix: str, digits: int) -> None:
    folder = write_folder(tmp_path / "video", suffix=suffix, digits=digits)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "._img_00001.jpg").write_bytes(b"what macOS leaves")
    with open_reader(folder) as video:
        assert video.info == VideoInfo(
            path=str(folder),
            container="folder of pictures",
            codec={".jpg": "jpeg", ".png": "png"}[suffix],
            declared_frames=12,
            num_frames=12,
            width=96,
            height=64,
            rotation=0,
            frames_per_second=0.0,
            seconds=0.0,
        )
        frames = video.read(lambda n: np.array([[3, 0], [n - 1, 3]]))
        assert read_numbers(frames.pixels) == [3, 0, 11, 3]
        assert np.isnan(frames.pts_seconds).all()
        assert np.isnan(video.times()).all()
        assert video.read(lambda n: np.array([1]), short_side=32).pixels.shape == (1, 32, 48, 3)
        assert video.count_decodable() == (12, None)
    exact = np.abs(frames.pixels[1].astype(int) - numbered_picture(0)).max()
    assert exact == 0 if suffix == ".png" else exact <= 12


def test_gaps_are_declared(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "video")
    (folder / "img_00005.jpg").unlink()
    with open_folder(folder) as video:
        assert (video.info.declared_frames, video.info.num_frames) == (12, 11)
        assert read_numbers(video.read(lambda n: np.array([3, 4])).pixels) == [3, 5]


def refusal(folder: Path, limits: Limits = DEFAULT_LIMITS) -> DecodeError:
    with pytest.raises(DecodeError) as caught, open_folder(folder, limits) as video:
        video.read(np.arange)
    assert caught.value.path == str(folder)
    return caught.value


def test_folders_that_are_no_video(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").code == "V33"
    assert refusal(tmp_path / "empty").reason == (
        "a directory that holds no pictures (.jpg, .jpeg, .png), so no video"
    )
    assert refusal(tmp_path / "gone").reason == "can't be listed: No such file or directory"
    for second in ("flow_x_00001.jpg", "img_00001.png", "img_1.jpg"):
        folder = write_folder(tmp_path / second, count=1)
        write_picture(folder / second, 1)
        assert refusal(folder).code == "V33"
        assert refusal(folder).reason.startswith("pictures of more than one series: ")
    write_picture(tmp_path / "plain" / "cover.jpg", 1)
    assert refusal(tmp_path / "plain").reason == "'cover.jpg' has no number; expected img_00001.jpg ..."


def test_v27_pictures_agree_in_size(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "video", count=3)
    write_picture(folder / "img_00002.jpg", 1, height=32, width=32)
    error = refusal(folder)
    assert (error.code, error.reason) == ("V27", "picture 1 (img_00002.jpg) is 32x32, the first 96x64")
    with open_folder(folder) as video:
        assert read_numbers(video.read(lambda n: np.array([2])).pixels) == [2]
        count, fault = video.count_decodable()
        assert (count, fault and fault.code) == (1, "V27")


@pytest.mark.parametrize(
    ("code", "content", "reason"),
    [
        ("V01", b"", "picture 1 (img_00002.jpg): empty file"),
        ("V09", b"<html>", "picture 1 (img_00002.jpg): not a JPEG or PNG picture"),
        ("V04", None, "picture 1 (img_00002.jpg): the picture can't be decoded"),
    ],
)
def test_a_bad_picture_is_named(tmp_path: Path, code: str, content: bytes | None, reason: str) -> None:
    folder = write_folder(tmp_path / "video", count=3)
    path = folder / "img_00002.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    error = refusal(folder)
    assert error.code == code
    assert error.reason.startswith(reason)


def test_limits(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "video", count=3)
    assert refusal(folder, Limits(max_frames=2)).reason == "3 pictures exceed max_frames = 2"
    error = refusal(folder, Limits(max_pixels=1000))
    assert error.code == "V18"
    assert re.search("exceed|larger than", error.reason)
    size = (folder / "img_00001.jpg").stat().st_size
    error = refusal(folder, Limits(max_pixels=size // 8 - 1))
    assert (error.code, "bytes exceeds" in error.reason) == ("V18", True)
    wide = tmp_path / "wide"
    write_picture(wide / "img_1.png", 0, height=8, width=400)
    with open_folder(wide) as video, pytest.raises(DecodeError, match="V25"):
        video.read(lambda n: np.array([0]), short_side=100)
