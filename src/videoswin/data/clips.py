"""From a video file to the clips that the model sees: frames, then crops, as uint8 tensors (V, 3, T, S, S).

Legend: V views, T frames, H W pixels of the resized video, S the side of the crop.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from videoswin.data.augment import Augment
from videoswin.data.crops import CROPS, Box, center_crop, random_resized_crop
from videoswin.data.dataset import Look
from videoswin.data.erasing import random_erasing
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.data.jitter import color_jitter
from videoswin.data.picture import resize_frames
from videoswin.data.randaugment import rand_augment
from videoswin.data.reader import Reader, open_reader
from videoswin.data.sampling import IntArray, test_indices, train_indices, validation_indices
from videoswin.data.segments import Plan, Segment, within
from videoswin.values import ClipSpec, Frames, Views

_Path = str | os.PathLike[str]


def train_look(
    path: _Path,
    clip: ClipSpec,
    augment: Augment,
    random: np.random.Generator,
    limits: Limits = DEFAULT_LIMITS,
    segment: Segment | None = None,
) -> Look:
    """One random clip, (1, 3, T, S, S): short side 256/224 S, one random resized crop and one flip for all
    frames, then colour jitter, RandAugment and random erasing where `augment` asks for them.

    `random` alone decides all of it, in this order. segment: the part of the video to take it from. Raises
    DecodeError.
    """
    plan: Plan = partial(train_indices, clip=clip, random=random)
    with open_reader(path, limits) as video:
        plan = within(segment, plan, path=os.fspath(path), times=video.times)
        read = video.read(plan, short_side=_resize_side(clip), resize=clip.resize)
    frames = _tensor(read)  # (T, H, W, 3)
    box = random_resized_crop(frames.shape[1], frames.shape[2], random, area=augment.crop_area)
    pixels = resize_frames(_cut(frames, box), height=clip.size, width=clip.size, resize=clip.resize)
    is_flipped = bool(random.random() < augment.flip_probability)
    if is_flipped:
        pixels = pixels.flip(2)  # (T, S, S, 3)
    return Look(_views([_recoloured(pixels, augment, random)]), is_flipped=is_flipped)


def _recoloured(pixels: Tensor, augment: Augment, random: np.random.Generator) -> Tensor:
    """(T, S, S, 3) -> the same shape: everything after box and flip."""
    largest = {
        "brightness": augment.jitter_brightness,
        "contrast": augment.jitter_contrast,
        "saturation": augment.jitter_saturation,
        "hue": augment.jitter_hue,
    }
    pixels = color_jitter(pixels, largest=largest, random=random)
    pixels = rand_augment(
        pixels, num_ops=augment.randaugment_ops, magnitude=augment.randaugment_magnitude, random=random
    )
    return random_erasing(pixels, probability=augment.erase_probability, random=random)


def validation_clip(
    path: _Path, clip: ClipSpec, limits: Limits = DEFAULT_LIMITS, segment: Segment | None = None
) -> Tensor:
    """The middle clip, (1, 3, T, S, S): short side 256/224 S, center crop. segment: as in `train_look`.
    Raises DecodeError."""
    plan: Plan = partial(validation_indices, clip=clip)
    with open_reader(path, limits) as video:
        plan = within(segment, plan, path=os.fspath(path), times=video.times)
        frames = _tensor(video.read(plan, short_side=_resize_side(clip), resize=clip.resize))
    box = center_crop(frames.shape[1], frames.shape[2], clip.size)
    return _views([_cut(frames, box)])


def test_views(
    path: _Path,
    clip: ClipSpec,
    views: Views,
    limits: Limits = DEFAULT_LIMITS,  # noqa: PT028  (the test protocol of the paper, not a pytest function)
    num_threads: int = 1,  # noqa: PT028
    segment: Segment | None = None,  # noqa: PT028
    reader: Reader = "pyav",  # noqa: PT028
) -> Tensor:
    """All test views, (V, 3, T, S, S), from one decode: short side S, view = crop * views.clips + clip.

    num_threads: decoder threads, see `open_video`. reader: see `READERS`. segment: as in
    `train_look`. Raises DecodeError, and ConfigError for several clips of uniform sampling.
    """

    def plan(num_frames: int) -> IntArray:
        return test_indices(num_frames, clip, views.clips)

    with open_reader(path, limits, num_threads=num_threads, reader=reader) as video:
        inside = within(segment, plan, path=os.fspath(path), times=video.times)
        read = video.read(inside, short_side=clip.size, resize=clip.resize)
    _, height, width, _ = read.pixels.shape
    boxes = CROPS[views.crops](height, width, clip.size)
    return _crops(read, boxes, clip)


def _resize_side(clip: ClipSpec) -> int:
    """Short side before cropping in training and validation: 256 for 224, in proportion for other sizes."""
    return round(clip.size * 256 / 224)


def _tensor(frames: Frames) -> Tensor:
    return torch.from_numpy(frames.pixels)


def _cut(frames: Tensor, box: Box) -> Tensor:
    """(T, H, W, 3) -> (T, h, w, 3), a view."""
    return frames[:, box.top : box.top + box.height, box.left : box.left + box.width]


def _crops(read: Frames, boxes: Sequence[Box], clip: ClipSpec) -> Tensor:
    """(clips * T, H, W, 3) -> (crops * clips, 3, T, S, S), contiguous. A picture is put in planes once for
    all its crops: twice as fast as each crop for itself."""
    num_clips = len(read.pixels) // clip.num_frames
    views = np.empty((len(boxes) * num_clips, 3, clip.num_frames, clip.size, clip.size), dtype=np.uint8)
    for slot, picture in enumerate(read.pixels):
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1))  # (3, H, W)
        for crop, box in enumerate(boxes):
            view = views[crop * num_clips + slot // clip.num_frames]
            view[:, slot % clip.num_frames] = planes[
                :, box.top : box.top + box.height, box.left : box.left + box.width
            ]
    return torch.from_numpy(views)


def _views(clips: list[Tensor]) -> Tensor:
    """V times (T, S, S, 3) -> (V, 3, T, S, S), contiguous."""
    views = torch.empty((len(clips), 3, *clips[0].shape[:3]), dtype=torch.uint8)
    for view, clip in zip(views, clips, strict=True):
        view.copy_(clip.permute(3, 0, 1, 2))
    return views
