"""What reaches FFmpeg, and what its answers become."""

from __future__ import annotations

import errno
import io
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.material import gif_bomb, write_video
from videoswin.data import container
from videoswin.data.container import Container
from videoswin.data.decode import open_video
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.errors import DecodeError


def everything(num_frames: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(num_frames)


def refusal(path: Path, limits: Limits = DEFAULT_LIMITS) -> DecodeError:
    with pytest.raises(DecodeError) as caught, open_video(path, limits) as video:
        video.read(everything)
    assert caught.value.path == str(path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_options_that_ffmpeg_ignores_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    container.check_options_work.__wrapped__()
    assert container.reads_tiny_gif({"format_whitelist": "gif"})
    assert not container.reads_tiny_gif({"format_whitelist": "avi"})
    assert container.reads_tiny_gif({"format_whitelst": "avi"})  # a slip, and the gate is open
    monkeypatch.setattr(container, "reads_tiny_gif", lambda options: True)
    with pytest.raises(
        RuntimeError, match=r"this build of FFmpeg does not obey \{.format_whitelist.: .avi.\}"
    ):
        container.check_options_work.__wrapped__()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("V12.mp4", b"ffconcat version 1.0\nfile 'secret.mp4'\n"),
        ("V11.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"),
    ],
)
def test_playlists_open_no_other_file(
    tmp_path: Path, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "secret.mp4", num_frames=4)
    write_video(tmp_path / "secret.ts", num_frames=4)
    path = tmp_path / name
    path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with av.open(str(path)) as plain:  # the control: FFmpeg left alone follows it
        assert len(list(plain.decode(video=0))) == 4
    assert refusal(path).code == name[:3]
    # And past the look at the first bytes, the decoder itself refuses.
    with pytest.raises(DecodeError) as caught, path.open("rb") as file:
        Container(str(path), file, DEFAULT_LIMITS, num_threads=1)
    assert caught.value.code in ("V05", "V09")


@pytest.mark.parametrize(
    ("name", "codec", "code", "reason"),
    [
        ("a.flv", "libx264", "V09", "not a video in a supported container: mp4/mov, matroska/webm, avi"),
        ("a.mkv", "ffv1", "V32", "codec ffv1 is not supported; allowed: h264"),
    ],
)
def test_containers_and_codecs_not_allowed(
    tmp_path: Path, name: str, codec: str, code: str, reason: str
) -> None:
    error = refusal(write_video(tmp_path / name, codec=codec, num_frames=3))
    assert error.code == code
    assert reason in error.reason


def write_audio(path: Path, *, cover: bool) -> Path:
    with av.open(str(path), "w") as file:
        audio = file.add_stream("aac", rate=16_000)
        picture = file.add_stream("mjpeg", rate=1) if cover else None
        if picture is not None:
            picture.width = picture.height = 16
            picture.pix_fmt = "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            pixels = np.zeros((16, 16, 3), dtype=np.uint8)
            file.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            file.mux(picture.encode())
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
        )
        sound.sample_rate = 16_000
        file.mux(audio.encode(sound))
        file.mux(audio.encode())
    return path


@pytest.mark.parametrize("cover", [False, True], ids=["V07", "V08"])
def test_sound_alone_is_no_video(tmp_path: Path, cover: bool) -> None:
    path = write_audio(tmp_path / "song.mp4", cover=cover)
    with av.open(str(path)) as file:
        assert len(file.streams.video) == int(cover)
    error = refusal(path)
    assert (error.code, error.reason) == ("V07", "no video stream")


def test_v31_the_first_video_stream_is_read_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as file:
        streams = [file.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, side in zip(streams, (32, 64), strict=True):
            stream.width = stream.height = side
            stream.pix_fmt = "yuv420p"
        for stream, side, count in zip(streams, (32, 64), (5, 9), strict=True):
            for _ in range(count):
                pixels = np.zeros((side, side, 3), dtype=np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            file.mux(stream.encode())
    with open_video(path) as video:
        assert (video.info.num_frames, video.info.width) == (5, 32)
        assert len(video.read(everything)) == 5


def test_v18_a_picture_bomb_costs_no_memory(tmp_path: Path) -> None:
    """108 bytes that take 958 MiB where nothing stops them."""
    (tmp_path / "bomb.gif").write_bytes(gif_bomb())
    write_video(tmp_path / "sound.mp4", num_frames=3)
    script = """
import pathlib, sys
from videoswin.data.check import check_file

def peak_kb():  # not getrusage: its peak counts what the parent had when it started this process
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])

assert check_file(sys.argv[1]).verdict == "ok"
before = peak_kb()
row = check_file(sys.argv[2])
print(row.code, row.verdict, (peak_kb() - before) // 1024)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "sound.mp4"), str(tmp_path / "bomb.gif")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert answer[:2] == ["V18", "refused"]
    assert int(answer[2]) < 50  # MiB


@pytest.mark.parametrize(
    ("limits", "code", "reason"),
    [
        (Limits(max_pixels=6000), "V18", "pictures of 96x64 exceed max_pixels = 6,000"),
        (Limits(max_seconds=0.9), "V19", "a declared duration of 1 s exceeds max_seconds = 1"),
        (Limits(max_packets=23), "V19", "more pictures than max_packets = 23"),
        (Limits(max_frames=23), "V19", "more pictures than max_frames = 23"),
    ],
)
def test_limits(tmp_path: Path, limits: Limits, code: str, reason: str) -> None:
    path = write_video(tmp_path / "clip.mp4")
    error = refusal(path, limits)
    assert (error.code, error.reason) == (code, reason)
    with open_video(
        path, Limits(max_pixels=96 * 64, max_seconds=0.96, max_packets=24, max_frames=24)
    ) as video:
        assert len(video.read(everything)) == 24


def test_max_frames_bounds_what_is_decoded_not_the_length(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "clip.mp4"), Limits(max_frames=10)) as video:
        assert len(video.read(lambda n: np.array([9]))) == 1


def test_v04_a_damaged_picture_ends_the_reading_by_name(tmp_path: Path) -> None:
    content = bytearray(
        write_video(tmp_path / "clip.avi", codec="mjpeg", pixel_format="yuvj420p").read_bytes()
    )
    second = content.index(b"00dc", content.index(b"movi") + 8)
    third = content.index(b"00dc", second + 4)
    content[second + 8 : third] = bytes(third - second - 8)  # the second picture becomes zeros
    (tmp_path / "clip.avi").write_bytes(content)
    error = refusal(tmp_path / "clip.avi")
    assert error.code == "V04"
    assert error.reason.startswith("picture 1: ")
    with open_video(tmp_path / "clip.avi") as video:
        count, fault = video.count_decodable()
        assert count == 1
        assert fault is not None
        assert len(video.read(lambda n: np.array([0]))) == 1  # what lies before the damage can be had


def test_v04_concealed_damage_is_a_fault_too(shared: Path) -> None:
    """A cut MPEG program stream decodes to its end; FFmpeg conceals the last picture and marks it."""
    content = (shared / "data/clips/ucf11_v_biking_01_01.mpg").read_bytes()
    whole = Container("x", io.BytesIO(content), DEFAULT_LIMITS, num_threads=1)
    assert sum(1 for _ in whole.pictures()) == 151
    cut = Container("x", io.BytesIO(content[: len(content) * 7 // 10]), DEFAULT_LIMITS, num_threads=1)
    with pytest.raises(DecodeError, match=r"\[V04\] x: picture 109 of 110 is damaged"):
        list(cut.pictures())


def test_v03_a_file_that_ends_inside_a_picture(tmp_path: Path) -> None:
    content = write_video(
        tmp_path / "clip.avi", codec="mpeg4", num_frames=60, height=240, width=320
    ).read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) // 2])
    error = refusal(tmp_path / "cut.avi")
    assert error.code == "V03"
    assert error.reason.startswith("the file is damaged or cut off after")


def test_v03_a_file_without_pictures(tmp_path: Path) -> None:
    content = write_video(tmp_path / "clip.avi", codec="mpeg4").read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: content.index(b"movi") + 4])
    error = refusal(tmp_path / "cut.avi")
    assert (error.code, error.reason) == ("V03", "the file holds no picture; is it truncated?")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EIO, os.strerror(errno.EIO)), "[V35] x: not a readable video: Input/output error"),
        (
            av.PatchWelcomeError(0, "x"),
            "[V32] x: not a readable video: a codec feature that this build can't decode",
        ),
        (MemoryError(), "[V18] x: not a readable video: needs more memory than there is"),
        (
            UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "bad"),
            "[V05] x: not a readable video: 'utf-8' codec can't decode",
        ),
    ],
)
def test_whatever_is_raised_while_reading_is_one_decode_error(error: Exception, message: str) -> None:
    class FailingFile(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise error

    with pytest.raises(DecodeError) as caught:
        Container("x", FailingFile(), DEFAULT_LIMITS, num_threads=1)
    assert str(caught.value).startswith(message)
    assert caught.value.__cause__ is error


def test_v32_an_unknown_or_encrypted_codec(tmp_path: Path) -> None:
    content = write_video(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content.replace(b"avc1", b"encv"))
    error = refusal(tmp_path / "a.mp4")
    assert (error.code, error.reason) == (
        "V32",
        "the video is encrypted or of a codec this build can't decode",
    )


def test_what_is_no_container_at_all(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 100)
    error = refusal(tmp_path / "noise.mp4")
    assert (error.code, error.reason) == (
        "V05",
        "not a readable video: Invalid data found when processing input",
    )


def test_mutated_files_give_frames_or_one_decode_error(tmp_path: Path) -> None:
    """Any other exception fails the test. (The full run of 10,000 mutations is another matter.)"""
    seeds = [
        write_video(tmp_path / "a.mp4", num_frames=8).read_bytes(),
        write_video(tmp_path / "b.mkv", codec="libvpx", num_frames=8).read_bytes(),
        write_video(tmp_path / "c.avi", codec="mpeg4", num_frames=8).read_bytes(),
        write_video(tmp_path / "d.ts", codec="mpeg2video", num_frames=8).read_bytes(),
    ]
    source = random.Random(0)
    outcomes = {"frames": 0, "error": 0}
    start = time.monotonic()
    for number in range(200):
        content = bytearray(seeds[number % len(seeds)])
        for _ in range(source.choice((1, 3, 20))):
            content[source.randrange(len(content))] = source.randrange(256)
        if number % 5 == 0:
            del content[source.randrange(len(content)) :]
        path = tmp_path / f"mutated_{number}"
        path.write_bytes(content)
        try:
            with open_video(path) as video:
                video.read(everything, short_side=32)
            outcomes["frames"] += 1
        except DecodeError:
            outcomes["error"] += 1
    assert min(outcomes.values()) > 20
    assert time.monotonic() - start < 30
