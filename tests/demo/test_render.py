from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from videoswin.data.decode import VideoInfo, open_video
from videoswin.demo.motion import MOTIONS
from videoswin.demo.render import ClipCounts, num_files, render_clip, render_data_set
from videoswin.errors import StorageError

COUNTS = ClipCounts(train=1, validation=1, test=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    assert len(list(render_data_set(folder, COUNTS, seed=0))) == num_files(COUNTS)
    return folder


def decode(file: Path) -> tuple[VideoInfo, npt.NDArray[np.uint8]]:
    with open_video(file) as video:
        return video.info, video.read(np.arange, short_side=None).pixels


def test_files(folder: Path) -> None:
    expected = {
        f"{split}/{label}/000.mp4"
        for split in ("train", "validation", "test", "test_shuffled")
        for label in MOTIONS
    }
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.mp4")} == expected


def test_clips_are_h264_and_close_to_what_was_drawn(folder: Path) -> None:
    for label in MOTIONS:
        info, pixels = decode(folder / "train" / label / "000.mp4")
        assert (info.codec, info.num_frames, info.width, info.height) == ("h264", 24, 128, 96)
        assert info.frames_per_second == pytest.approx(12)
        drawn = render_clip(label, seed=0, split="train", number=0)
        error = np.mean((pixels.astype(float) - drawn) ** 2)
        assert 10 * np.log10(255**2 / error) > 25, label  # dB; chroma has half the resolution


def test_the_seed_decides_everything(folder: Path, tmp_path: Path) -> None:
    for file in render_data_set(tmp_path, COUNTS, seed=0):
        # Files also hold the time of writing.
        np.testing.assert_array_equal(decode(file)[1], decode(folder / file.relative_to(tmp_path))[1])


def test_clips_differ() -> None:
    clips = [
        render_clip(label, seed=seed, split=split, number=number)
        for label, seed, split, number in (
            ("zoom_in", 0, "train", 0),
            ("zoom_in", 1, "train", 0),
            ("zoom_in", 0, "test", 0),
            ("zoom_in", 0, "train", 1),
            ("zoom_out", 0, "train", 0),
        )
    ]
    assert len({clip.tobytes() for clip in clips}) == len(clips)


def test_shuffled_clips_hold_the_same_pictures(folder: Path) -> None:
    orders = []
    for label in MOTIONS:
        _, ordered = decode(folder / "test" / label / "000.mp4")
        _, shuffled = decode(folder / "test_shuffled" / label / "000.mp4")
        distance = np.abs(shuffled[:, None].astype(np.int16) - ordered[None]).mean(axis=(2, 3, 4))  # (T, T)
        order = distance.argmin(axis=1)
        assert sorted(order) == list(range(24)), label
        orders.append(tuple(order))
    assert len(set(orders)) == len(MOTIONS)


@pytest.mark.parametrize(
    ("label", "direction"), [("slide_left", -1), ("slide_right", 1), ("zoom_in", 1), ("zoom_out", -1)]
)
def test_pixels_show_the_motion(label: str, direction: int) -> None:
    """The object is lighter than its background: where its light lies, or how much of it, changes one way."""
    for number in range(5):
        light = render_clip(label, seed=0, split="test", number=number).mean(axis=3) ** 2  # (T, H, W)
        light = np.maximum(light - np.median(light), 0)
        amount = light.sum(axis=(1, 2))
        center = (light * np.arange(light.shape[2])).sum(axis=(1, 2)) / amount
        course = center if label.startswith("slide") else amount
        assert np.sign(course[-1] - course[0]) == direction


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot write .*data/train/.*: Not a directory"):
        next(render_data_set(tmp_path / "data", COUNTS, seed=0))
