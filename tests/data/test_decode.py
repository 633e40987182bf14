from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.data.material import numbered_picture, read_numbers, write_video
from videoswin.data.decode import VideoInfo, open_video
from videoswin.data.sampling import IntArray
from videoswin.errors import DecodeError


def everything(num_frames: int) -> IntArray:
    return np.arange(num_frames)


KINDS: dict[str, dict[str, Any]] = {
    "b_frames.mp4": {"options": {"bf": "3", "g": "12"}},
    "one_key_frame.mkv": {"options": {"bf": "2", "g": "250"}},
    "open_gop.mp4": {"options": {"bf": "2", "g": "6", "x264-params": "open-gop=1:scenecut=0"}},
    "h264.ts": {},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "ten_bits.mp4": {"pixel_format": "yuv420p10le"},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "av1.mkv": {"codec": "libsvtav1"},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "pictures.gif": {"codec": "gif", "pixel_format": "rgb8"},
}


@pytest.mark.parametrize("name", KINDS)
def test_index_i_is_the_i_th_picture(tmp_path: Path, name: str) -> None:
    wanted = np.array([[7, 0, 23], [7, 22, 1]])
    with open_video(write_video(tmp_path / name, **KINDS[name])) as video:
        assert video.info.num_frames == 24
        assert read_numbers(video.read(everything).pixels) == list(range(24))
        frames = video.read(lambda n: wanted)
    assert frames.pixels.shape == (6, 64, 96, 3)
    assert read_numbers(frames.pixels) == wanted.flatten().tolist()
    assert (np.diff(frames.pts_seconds[[1, 5, 0, 4, 2]]) > 0).all()
    assert frames.pts_seconds[0] == frames.pts_seconds[3]


def test_reading_stops_after_the_last_picture_asked_for(tmp_path: Path) -> None:
    content = bytearray(write_video(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj420p").read_bytes())
    end = content.index(b"idx1")
    content[end - 3000 : end] = bytes(3000)  # damage the last pictures
    (tmp_path / "a.avi").write_bytes(content)
    with open_video(tmp_path / "a.avi") as video:
        assert read_numbers(video.read(lambda n: np.array([5, 3])).pixels) == [5, 3]
        with pytest.raises(DecodeError, match="V04"):
            video.read(everything)


def test_all_threads_give_the_same_pictures(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", options={"bf": "3"})
    with open_video(path) as one, open_video(path, num_threads=0) as many:
        assert (one.read(everything).pixels == many.read(everything).pixels).all()


def test_info(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", rate=10, rotation=(-90, False, False))
    with open_video(path) as video:
        assert video.info == VideoInfo(
            path=str(path),
            container="mp4/mov",
            codec="h264",
            declared_frames=24,
            num_frames=24,
            width=64,
            height=96,
            rotation=-90,
            frames_per_second=10.0,
            seconds=2.4,
        )


def test_info_of_a_file_that_declares_nothing(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.ts", codec="mpeg2video")) as video:
        assert video.info.declared_frames is None
        assert (video.info.num_frames, video.info.frames_per_second) == (24, 25.0)
        assert video.info.seconds == pytest.approx(0.96, abs=0.05)


def test_colours_survive(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.mp4", pixel_format="yuv444p", options={"crf": "1"})) as video:
        pixels = video.read(lambda n: np.array([9])).pixels[0].astype(int)
    assert np.abs(pixels[48:, 8:16] - (200, 40, 40)).max() <= 4
    assert np.abs(pixels - numbered_picture(9)).mean() < 2


ORIENTATIONS = [
    (degrees, h, v) for degrees in (0, 90, 180, -90) for h in (False, True) for v in (False, True)
]


@pytest.mark.parametrize("rotation", ORIENTATIONS, ids=str)
def test_v23_pictures_are_upright(tmp_path: Path, rotation: tuple[int, bool, bool]) -> None:
    """`rotation`: turned counter-clockwise by so many degrees, then mirrored left to right, then top to
    bottom."""
    degrees, left_right, top_bottom = rotation
    with open_video(write_video(tmp_path / "stored.mp4", num_frames=2)) as video:
        stored = video.read(everything).pixels
    with open_video(write_video(tmp_path / "turned.mp4", num_frames=2, rotation=rotation)) as video:
        upright = video.read(everything).pixels
        small = video.read(everything, short_side=16).pixels
        height, width = video.info.height, video.info.width
    expected = np.rot90(stored, degrees // 90, axes=(1, 2))
    expected = expected[:, :: -1 if top_bottom else 1, :: -1 if left_right else 1]
    assert (height, width) == expected.shape[1:3]
    assert (upright == expected).all()
    assert small.shape[1:3] == ((24, 16) if height > width else (16, 24))


@pytest.mark.parametrize(
    ("height", "width", "short", "expected"),
    [(64, 96, 32, (32, 48)), (96, 64, 80, (120, 80)), (48, 48, 48, (48, 48))],
)
def test_short_side(tmp_path: Path, height: int, width: int, short: int, expected: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", height=height, width=width)
    with open_video(path) as video:
        frames = video.read(lambda n: np.array([3, 19, 3]), short_side=short)
    assert frames.pixels.shape == (3, *expected, 3)
    assert read_numbers(frames.pixels) == [3, 19, 3]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 13), (2, 31)], ids=["V25a", "V25b", "V25c"])
def test_odd_sizes_work(tmp_path: Path, height: int, width: int) -> None:
    path = write_video(tmp_path / "a.mp4", height=height, width=width, num_frames=3, pixel_format="yuv444p")
    with open_video(path) as video:
        assert video.read(everything).pixels.shape == (3, height, width, 3)
        assert min(video.read(everything, short_side=20).pixels.shape[1:3]) == 20


def test_v25_a_line_is_refused_before_it_is_blown_up(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", height=2, width=2000, num_frames=2, codec="libvpx")
    with open_video(path) as video:
        assert video.read(everything).pixels.shape == (2, 2, 2000, 3)
        with pytest.raises(
            DecodeError, match=r"\[V25\] .* pictures of 2000x2 are more than 16 times as long as wide"
        ):
            video.read(everything, short_side=224)


def test_v18_the_size_after_resizing_is_limited_too(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.mp4", num_frames=2)) as video:
        with pytest.raises(DecodeError, match=r"\[V18\] .* pictures of 7500x5000 exceed max_pixels"):
            video.read(everything, short_side=5000)


def test_v20_fewer_pictures_than_packets(tmp_path: Path) -> None:
    """A hidden VP8 picture has a packet but is never shown: the plan is asked again with what can be
    decoded."""
    path = write_video(tmp_path / "a.webm", codec="libvpx", num_frames=24)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    for packet in packets[20:]:
        content[content.index(packet)] &= ~0x10  # the bit `show_frame`
    path.write_bytes(content)
    asked = []

    def plan(num_frames: int) -> IntArray:
        asked.append(num_frames)
        return np.array([0, num_frames - 1])

    with open_video(path) as video:
        assert read_numbers(video.read(plan).pixels) == [0, 19]
        assert asked == [24, 20]
        assert video.count_decodable() == (20, None)
    for packet in packets[:20]:
        content[content.index(packet)] &= ~0x10
    path.write_bytes(content)
    with (
        open_video(path) as video,
        pytest.raises(DecodeError, match=r"\[V04\] .* none of 24 pictures can be decoded"),
    ):
        video.read(plan)
    with (
        open_video(path) as video,
        pytest.raises(DecodeError, match=r"\[V04\] .* none of 24 pictures can be decoded"),
    ):
        _ = video.info


def test_v30_what_an_edit_list_cuts_away_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "edited.mp4"
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        frames = [
            av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24") for number in range(24)
        ]
        for number, frame in enumerate(frames):
            frame.pts = number
        for packet in [packet for frame in (*frames, None) for packet in stream.encode(frame)]:
            packet.pts -= 5  # the pictures before time 0 are kept in the file and left out of the edit list
            packet.dts -= 5
            file.mux(packet)
    with open_video(path) as video:
        assert (video.info.declared_frames, video.info.num_frames) == (24, 19)
        assert read_numbers(video.read(everything).pixels) == list(range(5, 24))


def test_v27_a_change_of_size_is_scaled_to_the_first_picture(tmp_path: Path) -> None:
    first = write_video(tmp_path / "a.mpg", codec="mpeg1video", num_frames=10)
    second = write_video(tmp_path / "b.mpg", codec="mpeg1video", num_frames=10, height=128, width=192)
    (tmp_path / "both.mpg").write_bytes(first.read_bytes() + second.read_bytes())
    with av.open(str(tmp_path / "both.mpg")) as file:
        widths = [frame.width for frame in file.decode(video=0)]
    assert set(widths) == {96, 192}
    with open_video(tmp_path / "both.mpg") as video:
        frames = video.read(everything)
    assert frames.pixels.shape == (len(widths), 64, 96, 3)
    assert read_numbers(frames.pixels) == [*range(widths.count(96)), *range(10)]


def test_v29_one_picture(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.mp4", num_frames=1)) as video:
        assert read_numbers(video.read(lambda n: np.zeros(4, dtype=np.int64)).pixels) == [0, 0, 0, 0]


def clips_of(shared: Path) -> list[dict[str, str]]:
    with (shared / "data/clips/manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def digest(pixels: npt.NDArray[np.uint8]) -> str:
    return hashlib.md5(pixels.tobytes()).hexdigest()


def test_real_clips_have_the_frames_of_the_manifest(shared: Path) -> None:
    rows = clips_of(shared)
    assert len(rows) == 28
    for row in rows:
        with open_video(shared / "data/clips" / row["file"]) as video:
            count, fault = video.count_decodable()
            info = video.info
        stored = (int(row["width"]), int(row["height"]))
        upright = stored[::-1] if abs(int(row["rotation"])) == 90 else stored
        assert fault is None, row["file"]
        assert count == info.num_frames == int(row["frames"]), row["file"]
        assert (info.declared_frames or 0) == int(row["frames_in_header"]), row["file"]
        assert (info.width, info.height, info.rotation) == (*upright, int(row["rotation"])), row["file"]
        assert info.codec == row["codec"], row["file"]


def test_real_clips_by_index_equal_a_sequential_decode(shared: Path) -> None:
    random = np.random.default_rng(0)
    for row in clips_of(shared):
        path = shared / "data/clips" / row["file"]
        num_frames = int(row["frames"])
        # A window of a few frames keeps the test short: the whole clip is decoded in the test above.
        wanted = random.integers(0, min(num_frames, 60), size=12)
        with open_video(path) as video:
            frames = video.read(lambda n, wanted=wanted: wanted)
        with av.open(str(path)) as file:
            turns = 0
            for index, frame in enumerate(file.decode(video=0)):
                if index in wanted:
                    turns = frame.rotation // 90
                    expected = np.rot90(frame.to_ndarray(format="rgb24"), turns)
                    for slot in np.flatnonzero(wanted == index):
                        assert digest(frames.pixels[slot]) == digest(expected), (row["file"], index)
                        assert frames.pts_seconds[slot] == frame.time
                if index == wanted.max():
                    break


def test_the_broken_clip_is_one_line(shared: Path) -> None:
    path = shared / "data/clips/broken/decord_corrupted.mp4"
    with open_video(path) as video:
        assert video.info.declared_frames == 50
        count, fault = video.count_decodable()
    assert count == 28
    assert str(fault) == f"[V04] {path}: picture 28: Invalid data found when processing input"
