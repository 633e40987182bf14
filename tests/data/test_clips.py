from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.data.material import Pixels, read_number, write_video
from videoswin.data import clips, sampling
from videoswin.data.augment import Augment
from videoswin.data.crops import center_crop, random_resized_crop, three_crops
from videoswin.data.decode import open_video
from videoswin.data.erasing import random_erasing
from videoswin.data.gate import Limits
from videoswin.data.jitter import color_jitter
from videoswin.data.picture import resize_frames
from videoswin.data.randaugment import rand_augment
from videoswin.errors import ConfigError, DecodeError
from videoswin.values import ClipSpec, Views

CLIP = ClipSpec(num_frames=4, stride=3, size=28)  # span 12, short side before cropping 32
WHOLE = Augment(crop_area=(1.0, 1.0), flip_probability=0.0)


def train_clip(*given: Any) -> torch.Tensor:
    """The pixels of a training clip, without the word on its flip."""
    return clips.train_look(*given).pixels


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clips") / "a.mp4", num_frames=40, height=64, width=96)


def as_pictures(view: Tensor) -> Pixels:
    """(3, T, S, S) -> (T, S, S, 3)."""
    return view.permute(1, 2, 3, 0).numpy()


def frames_of(video: Path, indices: list[int], short_side: int) -> Tensor:
    with open_video(video) as opened:
        return torch.from_numpy(opened.read(lambda n: np.array(indices), short_side=short_side).pixels)


def test_validation_is_the_middle_clip_and_the_central_crop(video: Path) -> None:
    clip = clips.validation_clip(video, CLIP)
    assert (clip.shape, clip.dtype) == ((1, 3, 4, 28, 28), torch.uint8)
    frames = frames_of(video, [14, 17, 20, 23], 32)  # start int((40 - 11) / 2); 32 = round(28 * 256 / 224)
    assert frames.shape[1:3] == (32, 48)
    assert (as_pictures(clip[0]) == frames[:, 2:30, 10:38].numpy()).all()


@pytest.mark.parametrize(("size", "short"), [(224, 256), (112, 128), (32, 37)])
def test_the_short_side_before_cropping_keeps_the_proportion_of_the_paper(
    video: Path, size: int, short: int
) -> None:
    clip = ClipSpec(num_frames=1, stride=1, size=size)
    frames = frames_of(video, [20], short)  # int((40 - 1 + 1) / 2)
    box = center_crop(frames.shape[1], frames.shape[2], size)
    expected = frames[0, box.top : box.top + size, box.left : box.left + size]
    assert (as_pictures(clips.validation_clip(video, clip)[0])[0] == expected.numpy()).all()


def test_test_views_are_crop_major(video: Path) -> None:
    views = clips.test_views(video, CLIP, Views(clips=2, crops=3))
    assert (views.shape, views.is_contiguous()) == ((6, 3, 4, 28, 28), True)
    starts = [7, 21]  # a = (40 - 11) / 2 = 14.5: int(7.25), int(21.75)
    boxes = three_crops(28, 42, 28)
    for index, view in enumerate(views):
        crop, clip = divmod(index, 2)
        frames = frames_of(video, [starts[clip] + 3 * step for step in range(4)], 28)
        left = boxes[crop].left
        assert (as_pictures(view) == frames[:, :, left : left + 28].numpy()).all(), index
    assert [box.left for box in boxes] == [0, 14, 7]  # left, right, middle


def test_one_crop_is_the_center(video: Path) -> None:
    views = clips.test_views(video, CLIP, Views(clips=2, crops=1))
    assert (views == clips.test_views(video, CLIP, Views(clips=2, crops=3))[4:]).all()


def test_five_crops_go_from_edge_to_edge(video: Path) -> None:
    views = clips.test_views(video, CLIP, Views(clips=1, crops=5))
    assert views.shape == (5, 3, 4, 28, 28)
    frames = frames_of(video, [14, 17, 20, 23], 28)  # 28 x 42, from int((40 - 11) / 2)
    for view, left in zip(views, [0, 3, 7, 10, 14], strict=True):
        assert (as_pictures(view) == frames[:, :, left : left + 28].numpy()).all(), left


def test_uniform_sampling_spans_the_video(video: Path) -> None:
    clip = ClipSpec(num_frames=4, size=64, sampling="uniform")
    views = clips.test_views(video, clip, Views(clips=1, crops=3))
    assert views.shape == (3, 3, 4, 64, 64)
    wide = ClipSpec(num_frames=4, size=64, sampling="uniform")
    middles = sampling.test_indices(40, wide, 1)[0].tolist()
    assert middles == [5, 15, 24, 34]
    assert (as_pictures(views[2]) == frames_of(video, middles, 64)[:, :, 16:80].numpy()).all()
    with pytest.raises(ConfigError, match="views ask for 4 clips"):
        clips.test_views(video, clip, Views(clips=4, crops=3))


def test_training_is_frames_then_box_then_flip(video: Path) -> None:
    """The whole recipe once more, step by step, from the same random numbers."""
    augment = Augment(crop_area=(0.2, 0.6), flip_probability=0.5)
    flips = set()
    for seed in range(6):
        random = np.random.default_rng(seed)
        frames = frames_of(video, sampling.train_indices(40, CLIP, random).tolist(), 32)
        box = random_resized_crop(32, 48, random, area=(0.2, 0.6))
        expected = frames[:, box.top : box.top + box.height, box.left : box.left + box.width]
        expected = resize_frames(expected, height=28, width=28)
        is_flipped = random.random() < 0.5
        flips.add(is_flipped)
        if is_flipped:
            expected = expected.flip(2)
        clip = train_clip(video, CLIP, augment, np.random.default_rng(seed))
        assert (clip.shape, clip.dtype) == ((1, 3, 4, 28, 28), torch.uint8)
        assert (as_pictures(clip[0]) == expected.numpy()).all()
    assert flips == {True, False}


def test_training_ends_with_randaugment_and_erasing(video: Path) -> None:
    """Both come after the flip and go on with its random numbers; without them not one more is drawn."""
    augment = Augment(randaugment_ops=3, randaugment_magnitude=6, erase_probability=0.7)
    erased = 0
    for seed in range(6):
        random = np.random.default_rng(seed)
        pixels = train_clip(video, CLIP, Augment(), random)[0].permute(1, 2, 3, 0)  # (T, S, S, 3)
        augmented = rand_augment(pixels, num_ops=3, magnitude=6, random=random)
        expected = random_erasing(augmented, probability=0.7, random=random)
        erased += expected is not augmented
        clip = train_clip(video, CLIP, augment, np.random.default_rng(seed))
        assert (clip.shape, clip.dtype) == ((1, 3, 4, 28, 28), torch.uint8)
        assert (as_pictures(clip[0]) == expected.numpy()).all()
    assert 0 < erased < 6


def test_colour_jitter_comes_between_flip_and_randaugment(video: Path) -> None:
    augment = Augment(jitter_brightness=0.4, jitter_hue=0.1, randaugment_ops=1)
    largest = {"brightness": 0.4, "contrast": 0.0, "saturation": 0.0, "hue": 0.1}
    for seed in range(3):
        random = np.random.default_rng(seed)
        pixels = train_clip(video, CLIP, Augment(), random)[0].permute(1, 2, 3, 0)  # (T, S, S, 3)
        jittered = color_jitter(pixels, largest=largest, random=random)
        expected = rand_augment(jittered, num_ops=1, magnitude=7, random=random)
        clip = train_clip(video, CLIP, augment, np.random.default_rng(seed))
        assert (as_pictures(clip[0]) == expected.numpy()).all()


def test_a_look_says_whether_it_is_flipped(video: Path) -> None:
    for probability in (0.0, 1.0):
        augment = Augment(flip_probability=probability)
        look = clips.train_look(video, CLIP, augment, np.random.default_rng(3))
        assert look.is_flipped == bool(probability)
        assert (look.pixels == train_clip(video, CLIP, augment, np.random.default_rng(3))).all()


def test_every_clip_is_resized_as_its_spec_says(video: Path) -> None:
    """Test views, the validation clip, and both steps of a training clip."""
    spec = replace(CLIP, resize="antialias")

    def frames(indices: list[int], short_side: int) -> Tensor:
        with open_video(video) as opened:
            read = opened.read(lambda n: np.array(indices), short_side=short_side, resize="antialias")
        return torch.from_numpy(read.pixels)

    validation = clips.validation_clip(video, spec)
    assert (as_pictures(validation[0]) == frames([14, 17, 20, 23], 32)[:, 2:30, 10:38].numpy()).all()
    assert not (validation == clips.validation_clip(video, CLIP)).all()
    views = clips.test_views(video, spec, Views(clips=1, crops=1))
    assert (as_pictures(views[0]) == frames([14, 17, 20, 23], 28)[:, :, 7:35].numpy()).all()
    random = np.random.default_rng(5)
    indices = sampling.train_indices(40, spec, random).tolist()
    box = random_resized_crop(32, 48, random, area=(0.9, 1.0))
    cut = frames(indices, 32)[:, box.top : box.top + box.height, box.left : box.left + box.width]
    expected = resize_frames(cut, height=28, width=28, resize="antialias")
    augment = Augment(crop_area=(0.9, 1.0), flip_probability=0.0)
    clip = train_clip(video, spec, augment, np.random.default_rng(5))
    assert (as_pictures(clip[0]) == expected.numpy()).all()


def test_flip_can_be_had_always_or_never(video: Path) -> None:
    def clip(probability: float) -> Tensor:
        augment = Augment(flip_probability=probability)
        return train_clip(video, CLIP, augment, np.random.default_rng(3))

    assert (clip(1.0) == clip(0.0).flip(-1)).all()
    assert not (clip(1.0) == clip(0.0)).all()


def test_frames_of_a_training_clip_are_in_order(video: Path) -> None:
    """The numbers in the pictures survive where the whole width is kept."""
    spec = ClipSpec(num_frames=5, stride=4, size=96)
    square = write_video(video.parent / "square.mp4", num_frames=30, height=96, width=96)
    for seed in range(4):
        clip = train_clip(square, spec, WHOLE, np.random.default_rng(seed))
        numbers = [read_number(picture) for picture in as_pictures(clip[0])]
        assert numbers == sampling.train_indices(30, spec, np.random.default_rng(seed)).tolist()


def test_v29_a_short_video_begins_again(tmp_path: Path) -> None:
    short = write_video(tmp_path / "short.mp4", num_frames=5, height=96, width=96)
    spec = ClipSpec(num_frames=4, stride=2, size=84)
    clip = clips.validation_clip(short, spec)
    wanted = frames_of(short, [0, 2, 4, 1], 96)
    assert (as_pictures(clip[0]) == wanted[:, 6:90, 6:90].numpy()).all()


def test_limits_and_faults_come_through(video: Path, tmp_path: Path) -> None:
    limits = Limits(max_packets=10)
    random = np.random.default_rng(0)
    for read in (
        lambda: train_clip(video, CLIP, WHOLE, random, limits),
        lambda: clips.validation_clip(video, CLIP, limits),
        lambda: clips.test_views(video, CLIP, Views(), limits),
        lambda: clips.validation_clip(tmp_path / "gone.mp4", CLIP),
    ):
        with pytest.raises(DecodeError):
            read()


def test_threads_do_not_change_the_views(video: Path) -> None:
    views = Views(clips=2, crops=3)
    assert (clips.test_views(video, CLIP, views) == clips.test_views(video, CLIP, views, num_threads=0)).all()
