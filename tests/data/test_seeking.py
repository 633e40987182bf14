"""Pictures by index are those of a full decode, bit for bit, and cost less than one."""

from __future__ import annotations

import csv
import hashlib
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.data.material import numbered_picture, read_numbers, write_video
from videoswin.data.container import Container
from videoswin.data.decode import open_video
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.data.packets import Part
from videoswin.data.sampling import IntArray
from videoswin.data.seeking import NotAsPromisedError, PacketSource
from videoswin.errors import DecodeError

_LONG = 72


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A video to write, and how many places there are in it at which decoding may start; 0: it is read from
    the first picture on."""

    name: str
    places: int
    options: dict[str, str] | None = None
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    container_options: dict[str, str] | None = None
    rotation: tuple[float, bool, bool] | None = None
    rate: int = 25

    def write(self, folder: Path) -> Path:
        return write_video(
            folder / self.name,
            num_frames=_LONG,
            codec=self.codec,
            pixel_format=self.pixel_format,
            options={"sc_threshold": "0", **(self.options or {})},
            container_options=self.container_options,
            rotation=self.rotation,
            rate=self.rate,
        )


_GOP = {"g": "12", "bf": "3", "b_strategy": "0"}
_X265 = "log-level=none:keyint=12:min-keyint=12:scenecut=0"

KINDS = [
    Kind(name="b_frames.mp4", options=_GOP, places=6),
    Kind(name="no_b_frames.mp4", options={"g": "12", "bf": "0"}, places=6),
    Kind(name="all_key.mp4", options={"g": "1"}, places=72),
    Kind(name="one_key.mp4", options={"g": "250", "bf": "2"}, places=1),
    Kind(name="open_gop.mp4", options={**_GOP, "x264-params": "open-gop=1:scenecut=0"}, places=1),
    Kind(name="pyramid.mov", options={**_GOP, "x264-params": "b-pyramid=normal:bframes=5"}, places=6),
    Kind(name="refresh.mp4", options={"g": "12", "x264-params": "intra-refresh=1"}, places=1),
    Kind(name="slices.mp4", options={**_GOP, "x264-params": "slices=4"}, places=6),
    Kind(name="b_frames.mkv", options=_GOP, places=6),
    Kind(name="b_frames.ts", options=_GOP, places=6),
    Kind(name="b_frames.avi", options=_GOP, places=0),  # its times are those of storage
    Kind(name="no_b_frames.avi", options={"g": "12", "bf": "0"}, places=6),
    Kind(
        name="fragments.mp4",
        options=_GOP,
        container_options={"movflags": "frag_keyframe+empty_moov"},
        places=6,
    ),
    Kind(name="ten_bits.mp4", options=_GOP, pixel_format="yuv420p10le", places=6),
    Kind(name="rotated.mp4", options=_GOP, rotation=(-90, True, False), places=6),
    Kind(name="closed.mp4", codec="libx265", options={"x265-params": f"{_X265}:open-gop=0"}, places=6),
    Kind(name="open.mkv", codec="libx265", options={"x265-params": _X265}, places=3),
    Kind(name="vp8.webm", codec="libvpx", options={"g": "12"}, places=6),
    Kind(name="vp9.webm", codec="libvpx-vp9", options={"g": "12"}, places=6),
    Kind(
        name="av1.mkv", codec="libsvtav1", options={"g": "12", "svtav1-params": "enable-overlays=0"}, places=6
    ),
    Kind(name="mpeg1.mpg", codec="mpeg1video", options=_GOP, places=1),
    Kind(
        name="mpeg2.ts",
        codec="mpeg2video",
        options={**_GOP, "flags": "cgop", "sc_threshold": "1000000000"},
        places=8,
    ),
    Kind(name="mpeg4.avi", codec="mpeg4", options=_GOP, places=0),
    Kind(name="mjpeg.avi", codec="mjpeg", pixel_format="yuvj420p", places=0),
    Kind(name="pictures.gif", codec="gif", pixel_format="rgb8", places=0),
]


def digest(pixels: np.ndarray[Any, Any]) -> str:
    return hashlib.md5(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def full_decode(path: Path) -> list[tuple[str, float | None]]:
    with path.open("rb") as file, closing(open_container(path, file)) as container:
        return [(digest(picture.pixels()), picture.seconds) for picture in container.pictures()]


def open_container(path: Path, file: Any) -> Container:
    return Container(str(path), file, DEFAULT_LIMITS, num_threads=1)


def choices(num_frames: int, num_indices: int, seed: int = 0) -> list[IntArray]:
    """Sets of indices, ascending: scattered ones, and clips, `num_indices` in all."""
    random = np.random.default_rng(seed)
    chosen: list[IntArray] = [np.array([0]), np.array([num_frames - 1])]
    while sum(map(len, chosen)) < num_indices:
        scattered = random.integers(0, num_frames, size=random.integers(1, 9))
        clip = random.integers(0, num_frames) + 2 * np.arange(random.integers(4, 33))
        chosen += [np.unique(scattered), np.unique(clip % num_frames)]
    return chosen


def compare(path: Path, expected: list[tuple[str, float | None]], num_indices: int) -> None:
    """Every picture read by index, without falling back, is the one of the full decode."""
    with path.open("rb") as file, closing(open_container(path, file)) as container:
        for wanted in choices(len(expected), num_indices):
            found = [(i, digest(p.pixels()), p.seconds) for i, p in container.pictures_at(wanted) if i >= 0]
            assert found == [(i, *expected[i]) for i in wanted.tolist()], path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_index_is_the_picture_of_a_full_decode(tmp_path: Path, kind: Kind) -> None:
    path = kind.write(tmp_path)
    expected = full_decode(path)
    assert len(expected) == _LONG
    with path.open("rb") as file, closing(open_container(path, file)) as container:
        assert (len(container.table.safe) if container.table else 0) == kind.places
    if kind.places:
        compare(path, expected, 200)
    with open_video(path) as video:
        frames = video.read(lambda n: np.array([5, 71, 5, 40]))
    assert [digest(picture) for picture in frames.pixels] == [expected[i][0] for i in (5, 71, 5, 40)]


def write_uneven(path: Path) -> Path:
    """Variable frame rate, the first picture not at time 0."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=1000, options=_GOP)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        time = 500
        for number in range(_LONG):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            time += (7, 40, 133)[number % 3]
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def write_edited(path: Path) -> Path:
    """The first five pictures are in the file and cut away by an edit list."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25, options={"g": "12", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        frames = [
            av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24") for number in range(_LONG)
        ]
        for number, frame in enumerate(frames):
            frame.pts = number
        for packet in [packet for frame in (*frames, None) for packet in stream.encode(frame)]:
            packet.pts -= 5
            packet.dts -= 5
            file.mux(packet)
    return path


@pytest.mark.parametrize(
    ("write", "name", "num_shown"),
    [
        (write_uneven, "uneven.mp4", _LONG),
        (write_uneven, "uneven.mkv", _LONG),
        (write_edited, "edited.mp4", _LONG - 5),
    ],
)
def test_uneven_and_edited_files(tmp_path: Path, write: Any, name: str, num_shown: int) -> None:
    path = write(tmp_path / name)
    expected = full_decode(path)
    assert len(expected) == num_shown
    compare(path, expected, 200)
    with open_video(path) as video:
        assert read_numbers(video.read(np.arange).pixels) == list(range(_LONG - num_shown, _LONG))


def num_decoded(monkeypatch: pytest.MonkeyPatch, path: Path, wanted: list[int]) -> int:
    """How many packets reach the decoder for these indices."""
    positions: list[int] = []
    read = PacketSource._read

    def counting(source: PacketSource, part: Part) -> Any:
        for position, packet in read(source, part):
            if position in part.needed:
                positions.append(position)
            yield position, packet

    with monkeypatch.context() as patch:
        patch.setattr(PacketSource, "_read", counting)
        with open_video(path) as video:
            video.read(lambda n: np.array(wanted))
    return len(positions)


def test_only_what_is_needed_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = KINDS[0].write(tmp_path)  # b_frames.mp4, key frames at 0, 12, 24, 36, 48, 60
    assert num_decoded(monkeypatch, path, [60]) == 1
    assert num_decoded(monkeypatch, path, [0, 36]) == 2
    assert num_decoded(monkeypatch, path, list(range(_LONG))) == _LONG
    every_second = num_decoded(monkeypatch, path, list(range(12, 36, 2)))
    assert 12 <= every_second < 24  # pictures that no other needs are left out
    plain = KINDS[1].write(tmp_path)
    assert num_decoded(monkeypatch, plain, [47]) == 12


def test_a_file_that_changes_after_it_was_opened_is_decoded_in_full(tmp_path: Path) -> None:
    path = KINDS[0].write(tmp_path)
    with open_video(path) as video:
        container = video._container
        assert container.table is not None
        broken = replace(container.table, stamps=tuple(s._replace(size=1) for s in container.table.stamps))
        container.table = broken
        with pytest.raises(NotAsPromisedError, match="seeking led past the place"):
            list(container.pictures_at(np.array([40])))
        assert read_numbers(video.read(lambda n: np.array([40, 7])).pixels) == [40, 7]


def test_false_promises_are_noticed(tmp_path: Path) -> None:
    """A picture of a time that is not in the table is none of those asked for."""
    path = KINDS[0].write(tmp_path)
    with path.open("rb") as file, closing(open_container(path, file)) as container:
        assert container.table is not None
        true = container.table
        container.table = replace(true, index_of={t: i for t, i in true.index_of.items() if i != 3})
        with pytest.raises(NotAsPromisedError, match="another picture than the packets promised"):
            list(container.pictures_at(np.arange(6)))
        container.table = replace(true, dts=(None,) * _LONG)
        with pytest.raises(NotAsPromisedError, match="without the time that the container is searched by"):
            list(container.pictures_at(np.array([40])))


def test_damage_elsewhere_does_not_matter_and_here_it_does(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=_LONG, options=_GOP, height=128, width=192)
    with path.open("rb") as file, closing(open_container(path, file)) as container:
        assert container.table is not None
        stamp = container.table.stamps[13]
    content = bytearray(path.read_bytes())
    assert stamp.place is not None
    content[stamp.place + 4 : stamp.place + stamp.size] = bytes(stamp.size - 4)
    path.write_bytes(content)
    with open_video(path) as video, pytest.raises(DecodeError, match="V04"):
        video.read(lambda n: np.array([20]))


def test_limits_hold_for_what_is_decoded(tmp_path: Path) -> None:
    path = KINDS[0].write(tmp_path)
    with open_video(path, Limits(max_frames=12)) as video:
        assert read_numbers(video.read(lambda n: np.arange(60, 72)).pixels) == list(range(60, 72))
        with pytest.raises(DecodeError, match="more pictures than max_frames = 12"):
            video.read(lambda n: np.arange(59, 72))


def real_clips(shared: Path) -> list[Path]:
    with (shared / "data/clips/manifest.csv").open(newline="") as file:
        return [shared / "data/clips" / row["file"] for row in csv.DictReader(file)]


@pytest.mark.slow
def test_real_clips_at_200_indices(shared: Path) -> None:
    num_by_index = 0
    for path in real_clips(shared):
        expected = full_decode(path)
        with path.open("rb") as file, closing(open_container(path, file)) as container:
            by_index = container.table is not None
        num_by_index += by_index
        if by_index:
            compare(path, expected, 200)
    assert num_by_index >= 20


def test_real_clips_that_need_no_full_decode(shared: Path) -> None:
    """The others are of kinds that are always counted off."""
    counted_off = []
    for path in real_clips(shared):
        with path.open("rb") as file, closing(open_container(path, file)) as container:
            if container.table is None:
                counted_off.append(path.name)
    assert sorted(counted_off) == [
        "moviepy_pigs_in_a_polka.gif",
        "ucf101_v_ApplyEyeMakeup_g01_c01.avi",
        "ucf101_v_BenchPress_g01_c01.avi",
        "ucf11_v_biking_01_01.mpg",
    ]
