from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.data.material import write_video
from videoswin.data.decode import open_video
from videoswin.data.gate import Limits
from videoswin.data.sampling import IntArray
from videoswin.data.untrusted import UntrustedVideo, open_untrusted
from videoswin.errors import DecodeError

WANTED = np.array([[7, 0, 23], [7, 22, 1]])


def wanted(num_frames: int) -> IntArray:
    return WANTED


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("untrusted") / "a\udce9.mp4", options={"bf": "3"})


def test_everything_is_as_in_this_process(clip: Path) -> None:
    with open_video(clip) as here, open_untrusted(clip) as there:
        assert there.header == here.header
        assert there.info == here.info
        assert there.count_decodable() == here.count_decodable() == (24, None)
        np.testing.assert_array_equal(there.times(), here.times())
        for short_side in (None, 32):
            ours = here.read(wanted, short_side=short_side, resize="antialias")
            theirs = there.read(wanted, short_side=short_side, resize="antialias")
            np.testing.assert_array_equal(theirs.pixels, ours.pixels)
            np.testing.assert_array_equal(theirs.pts_seconds, ours.pts_seconds)
        asked: list[tuple[int, float]] = []

        def by_time(num_frames: int) -> IntArray:
            asked.append((num_frames, float(there.times()[-1])))
            return np.array([num_frames - 1])

        assert there.read(by_time).pixels.shape == (1, 64, 96, 3)
        assert asked == [(24, pytest.approx(23 / 25))]
        assert theirs.pixels.flags.writeable  # torch warns of pixels that are not


def test_bad_files_are_refused_as_in_this_process(tmp_path: Path) -> None:
    content = write_video(tmp_path / "a.mkv").read_bytes()
    (tmp_path / "page.mp4").write_bytes(b"<html>")
    (tmp_path / "garbage.mp4").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "damaged.mkv").write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    for name in ("page.mp4", "gone.mp4", "garbage.mp4", "damaged.mkv"):
        faults = []
        for opener in (open_video, open_untrusted):
            with pytest.raises(DecodeError) as caught, opener(tmp_path / name) as video:
                video.read(lambda num_frames: np.arange(num_frames))
            faults.append(str(caught.value))
        assert faults[0] == faults[1]


def process_of(video: UntrustedVideo) -> int:
    number = video._process.pid
    assert number is not None
    return number


@pytest.mark.parametrize(
    ("signal_number", "reason"),
    [
        (signal.SIGSEGV, "the decoding process ended by SIGSEGV"),
        (signal.SIGKILL, "the decoding process ended by SIGKILL; perhaps memory ran out"),
    ],
)
def test_v36_a_crash_is_the_fault_of_one_file(clip: Path, signal_number: int, reason: str) -> None:
    with open_untrusted(clip) as video:
        killer = threading.Timer(0.0, os.kill, (process_of(video), signal_number))

        def plan(num_frames: int) -> IntArray:  # the process is in the middle of a reading now
            killer.start()
            killer.join()
            return WANTED

        with pytest.raises(DecodeError) as caught:
            video.read(plan)
        assert (caught.value.code, caught.value.path, caught.value.reason) == ("V36", str(clip), reason)
        count, fault = video.count_decodable()
        assert (count, fault and fault.code) == (0, "V36")


def test_v18_memory_is_limited(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", height=512, width=512, num_frames=3)
    limits = Limits(max_memory=24 * 2**20)
    with open_untrusted(path, limits) as video:
        assert len(video.read(lambda n: np.arange(3))) == 3
    with open_untrusted(path, limits) as video, pytest.raises(DecodeError) as caught:
        video.read(lambda n: np.zeros(100, dtype=np.int64))
    assert caught.value.code == "V18"
    assert caught.value.reason == "reading needs more memory than max_memory = 25,165,824"


def test_v19_time_is_limited(clip: Path) -> None:
    with open_untrusted(clip, Limits(max_wall_seconds=3.0)) as video:
        os.kill(process_of(video), signal.SIGSTOP)  # as good as an endless loop
        with pytest.raises(
            DecodeError, match=r"\[V19\] .* reading took longer than max_wall_seconds = 3; stop"
        ):
            video.read(wanted)


def test_the_process_has_limits_and_is_gone_afterwards(clip: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with open_untrusted(clip) as video:
        number = process_of(video)
        limits = Path(f"/proc/{number}/limits").read_text().splitlines()
        status = Path(f"/proc/{number}/status").read_text()
        assert os.getsid(number) == number
        links = [os.readlink(entry) for entry in Path(f"/proc/{number}/fd").iterdir()]
    hard = {line[:25].strip(): line.split()[-2] for line in limits[1:]}
    assert (hard["Max file size"], hard["Max core file size"], hard["Max open files"]) == ("0", "0", "32")
    for bounded in ("Max address space", "Max data size", "Max cpu time"):
        assert "unlimited" not in next(line for line in limits if line.startswith(bounded))
    assert "NoNewPrivs:\t1" in status
    assert str(clip) in links  # handed over open: it needs no name
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    assert len(os.listdir("/proc/self/fd")) <= before + 2  # the server of processes stays
