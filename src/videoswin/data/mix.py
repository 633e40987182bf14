"""Mixup and CutMix: two clips of a batch and their labels become each other's mixture (Zhang et al. 2017,
arXiv 1710.09412; Yun et al. 2019, arXiv 1905.04899).

Which clips, and how, must not depend on workers, ranks or the size of a batch. So the partners are neighbours
in the order of the epoch: 0 and 1, 2 and 3, ... The sampler deals pairs to the ranks, batches are even, and
the random numbers of a pair follow from (seed, epoch, index of its first sample). A clip whose partner could
not be read, and the last of an odd number, stay as they are.

The workers draw (`collate_mixed`), the device that trains mixes (`mix_batch`).

Legend: B clips, V views, T frames, H W pixels, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.data.augment import Augment
from videoswin.data.crops import Box
from videoswin.data.dataset import BadVideo, Batch, Clip, Mix, collate

PAIR = 2
"""Neighbours in the order of an epoch that stay in one batch of one rank."""
_LEVELS = 256


def collate_mixed(items: Sequence[Clip | BadVideo], *, augment: Augment, seed: int) -> Batch:
    """`collate`, and how its pairs are to be mixed."""
    return replace(collate(items), mixes=plan_mixes(items, augment=augment, seed=seed))


def plan_mixes(items: Sequence[Clip | BadVideo], *, augment: Augment, seed: int) -> tuple[Mix, ...]:
    """How each pair of readable neighbours is mixed; rows count the clips that could be read."""
    mixes: list[Mix] = []
    row = 0
    for place in range(0, len(items), PAIR):
        clips = [item for item in items[place : place + PAIR] if isinstance(item, Clip)]
        if len(clips) == PAIR:
            first = clips[0]
            # The fourth number keeps it apart from the clip's own randomness and from the order's.
            random = np.random.default_rng((seed, first.epoch, first.index, 2))
            height, width = first.pixels.shape[-2:]
            if random.random() < augment.mix_probability:
                share, box = draw_mix(height, width, augment=augment, random=random)
                mixes.append(Mix(first=row, second=row + 1, share=share, box=box))
        row += len(clips)
    return tuple(mixes)


def draw_mix(
    height: int, width: int, *, augment: Augment, random: np.random.Generator
) -> tuple[float, Box | None]:
    """The share that a clip keeps of itself, and for CutMix the box that it does not keep.

    Where both are on, each has half of the pairs. The share of mixup is rounded to a 256th, that of CutMix is
    what the box leaves.
    """
    is_cutmix = augment.cutmix_alpha > 0 and (augment.mixup_alpha == 0 or random.random() < 0.5)
    if not is_cutmix:
        share = float(random.beta(augment.mixup_alpha, augment.mixup_alpha))
        return round(share * _LEVELS) / _LEVELS, None
    box = cutmix_box(height, width, float(random.beta(augment.cutmix_alpha, augment.cutmix_alpha)), random)
    return 1 - box.height * box.width / (height * width), box


def cutmix_box(height: int, width: int, share: float, random: np.random.Generator) -> Box:
    """A box of about 1 - share of the picture and of its shape, around a uniform pixel, cut at the edges."""
    half = 0.5 * math.sqrt(1 - share)
    half_height, half_width = int(half * height), int(half * width)
    x, y = int(random.integers(width)), int(random.integers(height))
    top, left = max(y - half_height, 0), max(x - half_width, 0)
    bottom, right = min(y + half_height, height), min(x + half_width, width)
    return Box(top=top, left=left, height=bottom - top, width=right - left)


def mix_batch(batch: Batch, *, num_classes: int) -> Batch:
    """Carry out `batch.mixes` where the batch lies: new clips, and labels (B, K). Without mixes the batch
    itself."""
    if not batch.mixes:
        return batch
    return replace(
        batch,
        clips=mix_clips(batch.clips, batch.mixes),
        labels=mix_labels(batch.labels, batch.mixes, num_classes=num_classes),
        mixes=(),
    )


def mix_clips(clips: Tensor, mixes: Sequence[Mix]) -> Tensor:
    """(B, V, 3, T, H, W) uint8 -> the same shape. The argument stays as it was.

    Blends are rounded to the nearest level, halves up, in whole numbers: the same on every device.
    """
    mixed = clips.clone()
    for first, second, share, box in mixes:
        if box is None:
            own = round(share * _LEVELS)
            ones, others = clips[first].int(), clips[second].int()
            mixed[first] = (ones * own + others * (_LEVELS - own) + _LEVELS // 2) >> 8
            mixed[second] = (others * own + ones * (_LEVELS - own) + _LEVELS // 2) >> 8
        else:
            rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
            mixed[first, ..., rows, columns] = clips[second, ..., rows, columns]
            mixed[second, ..., rows, columns] = clips[first, ..., rows, columns]
    return mixed


def mix_labels(labels: Tensor, mixes: Sequence[Mix], *, num_classes: int) -> Tensor:
    """(B,) int64, or of multi-label clips (B, K) -> (B, K) float32: the share of each class. A row of clips
    with one class sums to 1."""
    shares = labels if labels.ndim == 2 else F.one_hot(labels, num_classes).to(torch.float32)  # (B, K)
    mixed = shares.clone()
    for first, second, share, _ in mixes:
        mixed[first] = share * shares[first] + (1 - share) * shares[second]
        mixed[second] = share * shares[second] + (1 - share) * shares[first]
    return mixed
