"""From a video file to the clips that the model sees: frames, then crops, as uint8 tensors (V, 3, T, S, S).

Legend: V views, T frames, H W pixels of the resized video, S the side of the crop.
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import torch
from torch import Tensor

from videoswin.data.augment import Augment
from videoswin.data.crops import CROPS, Box, center_crop, random_resized_crop
from videoswin.data.decode import open_video
from videoswin.data.erasing import random_erasing
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.data.picture import resize_frames
from videoswin.data.randaugment import rand_augment
from videoswin.data.sampling import IntArray, test_indices, train_indices, validation_indices
from videoswin.values import ClipSpec, Frames, Views

_Path = str | os.PathLike[str]


def train_clip(
    path: _Path,
    clip: ClipSpec,
    augment: Augment,
    random: np.random.Generator,
    limits: Limits = DEFAULT_LIMITS,
) -> Tensor:
    """One random clip, (1, 3, T, S, S): short side 256/224 S, one random resized crop and one flip for all
    frames, then RandAugment and random erasing where `augment` asks for them.

    `random` alone decides all of it, in this order. Raises DecodeError.
    """
    plan = partial(train_indices, clip=clip, random=random)
    with open_video(path, limits) as video:
        frames = _tensor(video.read(plan, short_side=_resize_side(clip)))  # (T, H, W, 3)
    box = random_resized_crop(frames.shape[1], frames.shape[2], random, area=augment.crop_area)
    pixels = resize_frames(_cut(frames, box), height=clip.size, width=clip.size)  # (T, S, S, 3)
    if random.random() < augment.flip_probability:
        pixels = pixels.flip(2)
    pixels = rand_augment(
        pixels, num_ops=augment.randaugment_ops, magnitude=augment.randaugment_magnitude, random=random
    )
    pixels = random_erasing(pixels, probability=augment.erase_probability, random=random)
    return _views([pixels])


def validation_clip(path: _Path, clip: ClipSpec, limits: Limits = DEFAULT_LIMITS) -> Tensor:
    """The middle clip, (1, 3, T, S, S): short side 256/224 S, center crop. Raises DecodeError."""
    plan = partial(validation_indices, clip=clip)
    with open_video(path, limits) as video:
        frames = _tensor(video.read(plan, short_side=_resize_side(clip)))
    box = center_crop(frames.shape[1], frames.shape[2], clip.size)
    return _views([_cut(frames, box)])


def test_views(
    path: _Path,
    clip: ClipSpec,
    views: Views,
    limits: Limits = DEFAULT_LIMITS,  # noqa: PT028  (the test protocol of the paper, not a pytest function)
    num_threads: int = 1,  # noqa: PT028
) -> Tensor:
    """All test views, (V, 3, T, S, S), from one decode: short side S, view = crop * views.clips + clip.

    num_threads: decoder threads, see `open_video`. Raises DecodeError, and ConfigError for several clips of
    uniform sampling.
    """

    def plan(num_frames: int) -> IntArray:
        return test_indices(num_frames, clip, views.clips)

    with open_video(path, limits, num_threads=num_threads) as video:
        frames = _tensor(video.read(plan, short_side=clip.size))  # (clips * T, H, W, 3)
    boxes = CROPS[views.crops](frames.shape[1], frames.shape[2], clip.size)
    crops = [_cut(frames, box) for box in boxes]
    return _views([part for crop in crops for part in torch.split(crop, clip.num_frames)])


def _resize_side(clip: ClipSpec) -> int:
    """Short side before cropping in training and validation: 256 for 224, in proportion for other sizes."""
    return round(clip.size * 256 / 224)


def _tensor(frames: Frames) -> Tensor:
    return torch.from_numpy(frames.pixels)


def _cut(frames: Tensor, box: Box) -> Tensor:
    """(T, H, W, 3) -> (T, h, w, 3), a view."""
    return frames[:, box.top : box.top + box.height, box.left : box.left + box.width]


def _views(clips: list[Tensor]) -> Tensor:
    """V times (T, S, S, 3) -> (V, 3, T, S, S), contiguous."""
    views = torch.empty((len(clips), 3, *clips[0].shape[:3]), dtype=torch.uint8)
    for view, clip in zip(views, clips, strict=True):
        view.copy_(clip.permute(3, 0, 1, 2))
    return views
