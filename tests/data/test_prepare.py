from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.data.material import numbered_picture, read_numbers, write_video
from videoswin.data.decode import open_video
from videoswin.data.encode import Encoding, output_size
from videoswin.data.prepare import Job, clear_temporary_files, prepare_file
from videoswin.errors import StorageError
from videoswin.values import Frames

ENCODING = Encoding(short_side=32, gop=4, crf=18)


def job_of(source: Path, folder: Path, encoding: Encoding = ENCODING) -> Job:
    return Job(source=str(source), output=str(folder / "out.mp4"), output_name="out.mp4", encoding=encoding)


def read_all(path: Path | str) -> Frames:
    with open_video(path) as video:
        return video.read(np.arange)


def write_with_times(path: Path, milliseconds: list[int]) -> Path:
    """A Matroska file of variable rate."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number, time in enumerate(milliseconds):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts = time
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("height", "width", "short_side", "expected"),
    [
        (1080, 1920, 256, (256, 456)),
        (1920, 1080, 256, (456, 256)),
        (240, 320, 256, (240, 320)),  # never larger
        (241, 321, 256, (240, 320)),
        (241, 321, 0, (240, 320)),
        (1, 1, 256, (2, 2)),
        (360, 638, 256, (256, 454)),
    ],
)
def test_sizes(height: int, width: int, short_side: int, expected: tuple[int, int]) -> None:
    assert output_size(height, width, short_side) == expected


def test_every_picture_upright_at_its_time(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.avi", codec="mpeg4", num_frames=21, rate=24)
    row = prepare_file(job_of(source, tmp_path))
    before, after = read_all(source), read_all(tmp_path / "out.mp4")
    assert read_numbers(after.pixels) == list(range(21))
    assert after.pixels.shape == (21, 32, 48, 3)
    np.testing.assert_allclose(after.pts_seconds, before.pts_seconds - before.pts_seconds[0], atol=2e-6)
    assert (row.frames_in, row.frames_out, row.seconds, row.code) == (21, 21, 0.875, "")
    assert row.source_hash == hashlib.sha256(source.read_bytes()).hexdigest()
    assert row.output_hash == hashlib.sha256((tmp_path / "out.mp4").read_bytes()).hexdigest()
    assert row.output_bytes == (tmp_path / "out.mp4").stat().st_size


def test_rotation_is_applied(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", rotation=(90, False, False), num_frames=3)
    prepare_file(job_of(source, tmp_path, Encoding(short_side=0, gop=4, crf=1)))
    before, after = read_all(source), read_all(tmp_path / "out.mp4")
    assert after.pixels.shape == before.pixels.shape == (3, 96, 64, 3)
    assert np.abs(before.pixels.astype(int) - after.pixels).mean() < 3
    with open_video(tmp_path / "out.mp4") as video:
        assert video.info.rotation == 0


def test_variable_times_are_kept(tmp_path: Path) -> None:
    times = [0, 33, 67, 500, 501, 1700, 1733]
    source = write_with_times(tmp_path / "a.mkv", times)
    prepare_file(job_of(source, tmp_path))
    after = read_all(tmp_path / "out.mp4")
    np.testing.assert_allclose(after.pts_seconds, np.array(times) / 1000, atol=2e-6)
    assert read_numbers(after.pixels) == list(range(7))


def test_key_frames_come_every_gop(tmp_path: Path) -> None:
    prepare_file(job_of(write_video(tmp_path / "a.mp4", num_frames=10), tmp_path))
    with av.open(str(tmp_path / "out.mp4")) as file:
        keys = [frame.key_frame for frame in file.decode(video=0)]
        assert file.streams.audio == ()
    assert [number for number, is_key in enumerate(keys) if is_key] == [0, 4, 8]


def test_the_same_bytes_at_a_size_of_no_whole_blocks(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", height=200, width=270)
    hashes = set()
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        hashes.add(
            prepare_file(
                job_of(source, tmp_path / str(number), Encoding(short_side=100, gop=16, crf=20))
            ).output_hash
        )
    assert len(hashes) == 1


def test_an_output_that_is_there_is_adopted_only_if_it_is_the_one(tmp_path: Path) -> None:
    job = job_of(write_video(tmp_path / "a.mp4"), tmp_path)
    row = prepare_file(job)
    inode = os.stat(job.output).st_ino
    assert prepare_file(job) == row
    assert os.stat(job.output).st_ino == inode  # adopted

    content = Path(job.output).read_bytes()
    for spoilt in (content[: len(content) // 2], b"", b"<html>", Path(job.source).read_bytes()):
        Path(job.output).write_bytes(spoilt)
        assert prepare_file(job) == row  # made anew
        assert Path(job.output).read_bytes() == content

    other = write_video(tmp_path / "a.mp4", num_frames=7)  # another original of the same name
    assert prepare_file(job).frames_in == 7
    assert prepare_file(job).source_hash == hashlib.sha256(other.read_bytes()).hexdigest()


def test_bad_originals_are_rows(tmp_path: Path) -> None:
    (tmp_path / "page.mp4").write_bytes(b"<html>")
    row = prepare_file(job_of(tmp_path / "page.mp4", tmp_path))
    assert (row.code, row.reason, row.output) == ("V05", "not a video but an HTML page of 6 bytes", "")
    gone = prepare_file(job_of(tmp_path / "gone.mp4", tmp_path))
    assert (gone.code, gone.source_bytes) == ("V34", None)
    content = bytearray(
        write_video(tmp_path / "cut.avi", codec="mjpeg", pixel_format="yuvj420p").read_bytes()
    )
    first = content.index(b"00dc", content.index(b"movi"))
    content[first + 8 : first + 600] = bytes(592)
    (tmp_path / "cut.avi").write_bytes(content)
    assert prepare_file(job_of(tmp_path / "cut.avi", tmp_path)).code == "V04"
    assert sorted(os.listdir(tmp_path)) == ["cut.avi", "page.mp4"]


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", num_frames=60, height=128, width=192)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        with pytest.raises(StorageError, match=r"cannot write .*out\.mp4: File too large"):
            prepare_file(job_of(source, tmp_path, Encoding(short_side=0, gop=1, crf=1)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".prepare-xyz").touch()
    (tmp_path / "a" / "b.mp4").touch()
    clear_temporary_files(str(tmp_path))
    assert os.listdir(tmp_path / "a") == ["b.mp4"]
