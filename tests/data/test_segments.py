from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.data.material import numbered_picture, read_numbers, write_video
from videoswin.data.augment import Augment
from videoswin.data.clips import test_views as views_of
from videoswin.data.clips import train_look, validation_clip
from videoswin.data.decode import open_video
from videoswin.data.segments import Segment, display_times, frame_range, within
from videoswin.errors import DecodeError
from videoswin.values import ClipSpec, Views

CLIP = ClipSpec(num_frames=4, stride=2, size=64)
STEADY = np.arange(10) / 10  # ten frames, ten a second
UNSTEADY = np.array([0.5, 0.6, 0.9, 1.0, 2.5])  # begins at 0.5


def frames(start: float, stop: float) -> Segment:
    return Segment(start=start, stop=stop, unit="frames")


def seconds(start: float, stop: float) -> Segment:
    return Segment(start=start, stop=stop, unit="seconds")


@pytest.mark.parametrize(
    ("segment", "times", "expected"),
    [
        (frames(0, 10), STEADY, (0, 10)),
        (frames(3, 4), STEADY, (3, 4)),
        (seconds(0, 1), STEADY, (0, 10)),
        (seconds(0.3, 0.5), STEADY, (3, 5)),  # half-open: the frame at 0.5 is not in it
        (seconds(0.25, 0.51), STEADY, (3, 6)),
        (seconds(0.3, 2), STEADY, (3, 10)),  # an end rounded up
        (seconds(0, 0.4), UNSTEADY, (0, 2)),  # from the first frame on
        (seconds(0.4, 2.1), UNSTEADY, (2, 5)),
    ],
)
def test_frames_of_a_segment(segment: Segment, times: np.ndarray, expected: tuple[int, int]) -> None:
    assert frame_range(segment, path="x", num_frames=len(times), times=lambda: times) == expected


@pytest.mark.parametrize(
    ("segment", "times", "reason"),
    [
        (frames(5, 11), STEADY, "frames 5 to 11 are asked for; the video has 10"),
        (seconds(1.0, 1.5), STEADY, "seconds 1 to 1.5 are asked for; the video lasts 1.000 s"),
        (seconds(0.5, 2.1), STEADY, "seconds 0.5 to 2.1 are asked for; the video lasts 1.000 s"),
        (seconds(0.31, 0.39), STEADY, "no frame begins in seconds 0.31 to 0.39"),
        (seconds(0, 1), np.full(3, np.nan), "seconds 0 to 1 are asked for; the file says no times"),
    ],
)
def test_a17_segments_that_the_video_does_not_hold(segment: Segment, times: np.ndarray, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        frame_range(segment, path="x.mp4", num_frames=len(times), times=lambda: times)
    assert (caught.value.path, caught.value.code, caught.value.reason) == ("x.mp4", "A17", reason)


def test_a_plan_sees_the_segment_alone() -> None:
    plan = within(frames(4, 7), lambda n: np.arange(5) % n, path="x", times=lambda: STEADY)
    assert plan(10).tolist() == [4, 5, 6, 4, 5]
    with pytest.raises(DecodeError, match="the video has 6"):  # fewer could be decoded than the file has
        plan(6)
    whole = within(None, np.arange, path="x", times=lambda: STEADY)
    assert whole(3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (frames(0, 4), frames(4, 8), False),
        (frames(0, 5), frames(4, 8), True),
        (seconds(2, 3), seconds(0, 9), True),
        (seconds(2, 3), frames(400, 500), True),  # can't be known
    ],
)
def test_overlaps(one: Segment, other: Segment, overlap: bool) -> None:
    assert one.overlaps(other) == other.overlaps(one) == overlap


def test_times_of_packets() -> None:
    base = Fraction(1, 100)
    assert display_times([0, 20, 10], time_base=base, rate=0).tolist() == [0, 0.1, 0.2]
    assert display_times([0, None, 10], time_base=base, rate=4).tolist() == [0, 0.25, 0.5]
    assert np.isnan(display_times([0, None], time_base=base, rate=0)).all()


def write_unsteady(path: Path, ticks: list[int]) -> Path:
    """Picture i at ticks[i] hundredths of a second, with B-frames."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100)
        for number, tick in enumerate(ticks):
            picture = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            picture.pts, picture.time_base = tick, Fraction(1, 100)
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path


TICKS = [0, 4, 8, 40, 44, 48, 52, 100, 200, 204, 208, 300, 304, 310, 330, 331]


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_times_are_those_of_the_decoded_pictures(tmp_path: Path, ending: str) -> None:
    path = write_unsteady(tmp_path / f"unsteady.{ending}", TICKS)
    with open_video(path) as video:
        read = video.read(lambda n: np.arange(n))
        times = video.times()
        again = video.read(lambda n: np.array([9, 3]))  # reading goes on after it
    np.testing.assert_allclose(times, read.pts_seconds, atol=1e-9)
    np.testing.assert_allclose(times - times[0], np.array(TICKS) / 100, atol=1e-3)
    assert read_numbers(again.pixels) == [9, 3]


def test_times_of_an_avi(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.avi", codec="mpeg4", num_frames=8, rate=20)) as video:
        np.testing.assert_allclose(np.diff(video.times()), 1 / 20, atol=1e-9)


@pytest.mark.parametrize(
    ("segment", "num_shown"),
    [
        (frames(8, 12), 2),  # four frames, stride 2: it starts again in the segment
        (seconds(2.0, 3.2), 3),  # frames 8 to 13: 8, 10, 12 and 8 again
        (seconds(0.4, 0.5), 3),  # frames 3, 4 and 5
    ],
)
def test_clips_of_a_segment(tmp_path: Path, segment: Segment, num_shown: int) -> None:
    path = write_unsteady(tmp_path / "unsteady.mp4", TICKS)
    clip = validation_clip(path, CLIP, segment=segment)  # (1, 3, T, S, S)
    assert len({clip[0, :, t].numpy().tobytes() for t in range(4)}) == num_shown
    assert views_of(path, CLIP, Views(clips=1, crops=3), segment=segment).shape == (3, 3, 4, 64, 64)
    for seed in range(3):
        random = np.random.default_rng(seed)
        pixels = train_look(path, CLIP, Augment(), random, segment=segment).pixels
        assert len({pixels[0, :, t].numpy().tobytes() for t in range(4)}) <= 4


def test_a_long_segment_is_read_from_its_frames_alone(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=40, rate=20)
    segment = seconds(1.0, 1.6)  # frames 20 to 31
    seen: set[int] = set()
    with open_video(path) as video:
        for seed in range(20):
            random = np.random.default_rng(seed)
            plan = within(
                segment, lambda n, random=random: random.integers(n, size=4), path="a", times=video.times
            )
            seen |= set(read_numbers(video.read(plan).pixels))
    assert seen == set(range(20, 32))


def test_a17_outside_the_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=10)
    with pytest.raises(
        DecodeError, match=r"^\[A17\] .*a.mp4: frames 5 to 11 are asked for; the video has 10$"
    ):
        validation_clip(path, CLIP, segment=frames(5, 11))
