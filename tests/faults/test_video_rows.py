"""Every first-pass row on video files of the fault catalogue (docs/faults.md), on real files."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.data.material import gif_bomb, numbered_picture, read_number, read_numbers, write_video
from videoswin.data.annotations import read_annotations
from videoswin.data.check import CheckRow, check_file
from videoswin.data.clips import test_views as read_views
from videoswin.data.clips import validation_clip
from videoswin.data.decode import open_video
from videoswin.data.gate import Limits
from videoswin.data.reader import open_reader
from videoswin.data.untrusted import open_untrusted
from videoswin.errors import DecodeError
from videoswin.values import ClipSpec, Views

FIRST_PASS = (
    "V01 V02 V03 V04 V05 V07 V10 V11 V12 V14 V16 V17 V18 V19 V20 V22 V23 V29 V33 V36"  # the stars of 3.1
).split()


@dataclass(frozen=True)
class Place:
    """An empty folder, and a sound clip in it that others are made of."""

    folder: Path
    sound: Path

    def file(self, name: str, content: bytes) -> Path:
        (self.folder / name).write_bytes(content)
        return self.folder / name


def refused(path: Path | str, code: str, reason: str) -> CheckRow:
    """The file is refused with this code and reason, by the check and by the reading of clips alike."""
    row = check_file(path)
    assert (row.verdict, row.code) == ("refused", code), row
    assert reason in row.reason
    with pytest.raises(DecodeError) as caught, open_reader(path) as video:
        video.read(np.arange)
    assert (caught.value.path, caught.value.code) == (str(path), code)
    return row


def v01(place: Place) -> None:
    refused(place.file("a.mp4", b""), "V01", "empty file")


def v02(place: Place) -> None:
    content = place.sound.read_bytes()
    moov = content.index(b"moov") - 4
    for cut in (moov - 100, moov + 100):
        refused(place.file("a.mp4", content[:cut]), "V02", "the index (moov) are missing")


def v03(place: Place) -> None:
    whole = write_video(place.folder / "fast.mp4", container_options={"movflags": "faststart"}).read_bytes()
    refused(place.file("a.mp4", whole[:-300]), "V03", "the file is truncated: at least 300 bytes")
    whole = write_video(place.folder / "whole.mkv").read_bytes()
    refused(place.file("a.mkv", whole[:-300]), "V03", "the file is truncated: at least")


def v04(place: Place) -> None:
    content = bytearray(
        write_video(place.folder / "m.avi", codec="mjpeg", pixel_format="yuvj420p").read_bytes()
    )
    middle = len(content) // 2
    content[middle : middle + 600] = bytes(600)
    row = refused(place.file("a.avi", bytes(content)), "V04", "picture")
    assert row.decoded_frames is not None
    assert 0 < row.decoded_frames < 24


def v05(place: Place) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    refused(place.file("a.mp4", b"<!DOCTYPE html><html>Video unavailable</html>"), "V05", "an HTML page")
    refused(place.file("b.mp4", b'{"error": "gone"}'), "V05", "a JSON text")
    refused(place.file("c.mp4", pointer), "V05", "git lfs pull")


def v07(place: Place) -> None:
    path = place.folder / "a.mp4"
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "f4"), format="fltp", layout="mono")
        frame.sample_rate = 8000
        file.mux([*stream.encode(frame), *stream.encode()])
    refused(path, "V07", "no video stream")


def v10(place: Place) -> None:
    (place.folder / "walk").mkdir()
    (place.folder / "walk/a.mp4").write_bytes(place.sound.read_bytes())
    for name in ("readme.txt", "art.ans", "clip.nfo"):
        text = place.folder / "walk" / name
        text.write_bytes(b"\x1b[31mjust text\x1b[0m\n" * 40)
        refused(text, "V10", "a text of")
    (place.folder / "sound.mp4").unlink()
    assert [sample.path for sample in read_annotations(place.folder).samples] == ["walk/a.mp4"]


def v11(place: Place) -> None:
    write_video(place.folder / "secret.ts", codec="mpeg2video")
    text = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"
    for name in ("a.m3u8", "a.mp4"):
        refused(place.file(name, text), "V11", "a playlist, which names other files")
    with av.open(str(place.folder / "a.m3u8")) as leak:  # without the gate the other file is read
        assert leak.format.name == "hls"


def v12(place: Place) -> None:
    path = place.file("a.mp4", b"ffconcat version 1.0\nfile 'sound.mp4'\n")
    refused(path, "V12", "an ffconcat playlist, which names other files")
    with av.open(str(path)) as leak:  # without the gate
        assert leak.format.name == "concat"
        assert next(leak.decode(video=0)).width == 96


def v14(place: Place) -> None:
    hits: list[str] = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Canary) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/secret.ts"
        secret = place.sound
        for number, target in enumerate((address, f"file://{secret}", f"concat:{secret}", "master.m3u8")):
            line = f'#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n#EXT-X-MAP:URI="{address}"\n'
            content = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{line}#EXTINF:1,\n{target}\n"
            refused(place.file(f"{number}.mp4", content.encode()), "V11", "a playlist")
            listed = f"ffconcat version 1.0\nfile '{target}'\n"
            refused(place.file(f"{number}.mkv", listed.encode()), "V12", "playlist")
            refused(target, "V16" if ":" in target else "V34", "")
        assert hits == []
        with pytest.raises(av.FFmpegError):  # without the gate
            av.open(address)
        server.shutdown()
    assert hits


def v16(place: Place) -> None:
    for name in (
        "http://localhost/a.mp4",
        "tcp://localhost:9",
        "data:video/mp4;base64,AAAA",
        "concat:a.mp4|b.mp4",
        "subfile,,start,0,end,9,,:a.mp4",
        "file:sound.mp4",
    ):
        code = "V34" if "," in name.split(":")[0] else "V16"
        reason = "not a local file" if code == "V16" else "no such file"
        refused(name, code, reason)
    listed = place.file("list.txt", b"http://localhost/a.mp4 0\nsound.mp4 1\n")
    sample = read_annotations(listed).samples[0]
    assert sample.file == place.folder / "http:/localhost/a.mp4"  # a file that is not there, and no address
    refused(str(sample.file), "V34", "no such file")


def v17(place: Place) -> None:
    content = place.sound.read_bytes()
    names = ["a:b.mp4", "http:evil.mp4", "-i.mp4", "line\nend.mp4", "%03d.mp4", "\U0001f3ac.mp4", "end.mp4 "]
    here = os.getcwd()
    os.chdir(place.folder)
    try:
        for name in [*names, os.fsdecode(b"\xe9.mp4"), "x" * 251 + ".mp4"]:
            Path(name).write_bytes(content)
            assert (check_file(name).verdict, check_file(name).path) == ("ok", name)
            with open_video(name) as video:
                assert read_number(video.read(lambda n: np.array([9])).pixels[0]) == 9
            Path(name).write_bytes(b"")
            with pytest.raises(DecodeError) as caught, open_video(name):
                pass
            assert str(caught.value).isprintable()
    finally:
        os.chdir(here)


def v18(place: Place) -> None:
    bomb = place.file("bomb.mp4", gif_bomb())
    before = peak_mib()
    refused(bomb, "V18", "larger than max_pixels = 16,777,216")
    large = bytearray(place.sound.read_bytes())
    at = large.index(b"avc1") + 28  # the size that the header declares
    large[at : at + 4] = b"\xff\xff\xff\xff"
    row = check_file(place.file("header.mp4", bytes(large)))
    assert row.verdict == "ok" or row.code == "V18"  # the stream's own size counts
    assert peak_mib() - before < 200


def peak_mib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) // 1024


def v19(place: Place) -> None:
    refused(timed(place.folder / "long.mp4", [0, 5 * 3600 * 1000]), "V19", "exceeds max_seconds = 14,400")
    for limits, reason in (
        (Limits(max_packets=23), "more pictures than max_packets = 23"),
        (Limits(max_frames=23), "more pictures than max_frames = 23"),
    ):
        row = check_file(place.sound, limits)
        assert (row.verdict, row.code, row.reason) == ("refused", "V19", reason)
    fast = write_video(place.folder / "fast.mkv", rate=10_000)
    with open_video(fast) as video:
        assert len(video.read(lambda n: np.array([n - 1]))) == 1


def timed(path: Path, milliseconds: list[int]) -> Path:
    """Pictures 0, 1, 2 ... shown at these times."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=1000, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, time_ in enumerate(milliseconds):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts, frame.time_base = time_, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def v20(place: Place) -> None:
    """An AVI that claims 431 pictures and holds 24."""
    content = bytearray(write_video(place.folder / "m.avi", codec="mpeg4").read_bytes())
    start = content.index(b"strh") + 8 + 32
    assert int.from_bytes(content[start : start + 4], "little") == 24
    content[start : start + 4] = (431).to_bytes(4, "little")
    path = place.file("a.avi", bytes(content))
    row = check_file(path)
    assert (row.verdict, row.code) == ("degraded", "V20")
    assert row.reason == "the header declares 431 pictures, 24 can be decoded"
    with open_video(path) as video:
        assert read_numbers(video.read(lambda n: np.array([0, n - 1])).pixels) == [0, 23]


def v22(place: Place) -> None:
    times = [0, 40, 80, 500, 510, 520, 2000, 2040, 2100, 5000]
    with open_video(timed(place.folder / "vfr.mp4", times)) as video:
        frames = video.read(lambda n: np.array([9, 3, 6, 3]))
    assert read_numbers(frames.pixels) == [9, 3, 6, 3]
    np.testing.assert_allclose(frames.pts_seconds, [5.0, 0.5, 2.0, 0.5])


def v23(place: Place) -> None:
    with open_video(place.sound) as video:
        stored = video.read(np.arange).pixels
    for degrees in (0, 90, 180, -90):
        for left_right in (False, True):
            turned = write_video(place.folder / "t.mp4", rotation=(degrees, left_right, False))
            with open_video(turned) as video:
                upright = video.read(np.arange).pixels
            expected = np.rot90(stored, degrees // 90, axes=(1, 2))
            np.testing.assert_array_equal(upright, expected[:, :, :: -1 if left_right else 1])


def v29(place: Place) -> None:
    spec = ClipSpec(num_frames=8, stride=2, size=32)
    for num_frames in (1, 3):
        path = write_video(place.folder / f"{num_frames}.mp4", num_frames=num_frames)
        assert validation_clip(path, spec).shape == (1, 3, 8, 32, 32)
        views = read_views(path, spec, Views(clips=4, crops=3))
        assert views.shape == (12, 3, 8, 32, 32)
        if num_frames == 1:
            assert (views == views[:, :, :1]).all()


def v33(place: Place) -> None:
    os.mkfifo(place.folder / "pipe.mp4")
    (place.folder / "dangling.mp4").symlink_to("nothing.mp4")
    (place.folder / "folder.mp4").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place.folder / "socket.mp4"))
        start = time.monotonic()
        for name in ("pipe.mp4", "dangling.mp4", "folder.mp4", "socket.mp4", "/dev/zero"):
            refused(place.folder / name, "V33", "")
        assert time.monotonic() - start < 2.0


def v36(place: Place) -> None:
    """The decoder dies in the middle of one file; the file is named and the next one is read."""
    for signal_number in (signal.SIGSEGV, signal.SIGABRT):
        with open_untrusted(place.sound) as video:
            process = video._process.pid
            assert process is not None

            def plan(num_frames: int, victim: int = process, by: int = signal_number) -> Any:
                os.kill(victim, by)
                return np.arange(num_frames)

            with pytest.raises(DecodeError) as caught:
                video.read(plan)
        assert (caught.value.code, caught.value.path) == ("V36", str(place.sound))
        assert signal.Signals(signal_number).name in caught.value.reason
    with open_untrusted(place.sound) as video:
        assert len(video.read(np.arange)) == 24


ROWS: dict[str, Callable[[Place], None]] = {
    function.__name__.upper(): function
    for function in (
        *(v01, v02, v03, v04, v05, v07, v10, v11, v12, v14),
        *(v16, v17, v18, v19, v20, v22, v23, v29, v33, v36),
    )
}


def test_every_first_pass_row_has_its_test() -> None:
    assert sorted(ROWS) == FIRST_PASS


@pytest.mark.parametrize("row", FIRST_PASS)
def test_row(row: str, tmp_path: Path) -> None:
    place = Place(tmp_path, write_video(tmp_path / "sound.mp4"))
    ROWS[row](place)
