"""Mixing by hand, and against torchvision's MixUp and CutMix (test_randaugment.py says how it is found)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.data.test_randaugment import FOLDER, needs_torchvision, random_clip
from videoswin.bench.peers import import_torchvision
from videoswin.data.augment import Augment
from videoswin.data.crops import Box
from videoswin.data.dataset import BadVideo, Batch, Clip, Mix, collate
from videoswin.data.mix import (
    collate_mixed,
    cutmix_box,
    draw_mix,
    mix_batch,
    mix_clips,
    mix_labels,
    plan_mixes,
)

BOTH = Augment(mixup_alpha=0.8, cutmix_alpha=1.0)
MIXUP = Augment(mixup_alpha=0.8)
CUTMIX = Augment(cutmix_alpha=1.0)


def clip(index: int, *, level: int = 0, epoch: int = 0) -> Clip:
    pixels = torch.full((1, 3, 2, 6, 8), level, dtype=torch.uint8)
    return Clip(index=index, label=index % 3, pixels=pixels, epoch=epoch)


def bad(index: int) -> BadVideo:
    return BadVideo(index=index, path="bad.mp4", label=0, code="V05", reason="bad")


def levels(*values: int) -> Tensor:
    """(B, 1, 3, 1, 1, 1) clips of one pixel."""
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1, 1, 1).repeat(1, 1, 3, 1, 1, 1)


@pytest.mark.parametrize(
    ("share", "before", "after"),
    [
        (0.75, (200, 100), (175, 125)),
        (0.5, (1, 2), (2, 2)),  # halves round up
        (1.0, (200, 100), (200, 100)),
        (0.0, (200, 100), (100, 200)),
        (0.25, (255, 0), (64, 191)),  # 63.75, 191.25
    ],
)
def test_mixup_blends_levels(share: float, before: tuple[int, int], after: tuple[int, int]) -> None:
    mixed = mix_clips(levels(*before), [Mix(first=0, second=1, share=share, box=None)])
    assert mixed[:, 0, 0, 0, 0, 0].tolist() == list(after)


def test_cutmix_exchanges_a_box_in_all_frames() -> None:
    clips = torch.stack([torch.full((1, 3, 2, 4, 4), level, dtype=torch.uint8) for level in (1, 2, 3)])
    box = Box(top=1, left=2, height=2, width=1)
    mixed = mix_clips(clips, [Mix(first=0, second=2, share=14 / 16, box=box)])
    expected = torch.ones(4, 4, dtype=torch.uint8)
    expected[1:3, 2] = 3
    assert (mixed[0] == expected).all()
    assert (mixed[2] == 4 - expected).all()
    assert (mixed[1] == 2).all()
    assert clips.unique().tolist() == [1, 2, 3]  # as they were
    assert (clips[0] == 1).all()


def test_labels_are_shares() -> None:
    mixes = [Mix(first=0, second=1, share=0.75, box=None), Mix(first=2, second=3, share=0.5, box=None)]
    mixed = mix_labels(torch.tensor([0, 2, 1, 1, 2]), mixes, num_classes=3)
    assert mixed.tolist() == [[0.75, 0, 0.25], [0.25, 0, 0.75], [0, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_neighbours_are_partners_and_a_bad_one_leaves_its_partner_alone() -> None:
    items = [clip(7), clip(3), bad(5), clip(1), clip(4), bad(0), clip(2), clip(6), clip(8)]
    pairs = [(mix.first, mix.second) for mix in plan_mixes(items, augment=BOTH, seed=0)]
    # Rows of the six that could be read: 7 3 1 4 2 6 8.
    assert pairs == [(0, 1), (4, 5)]


def test_a_pair_is_mixed_by_seed_epoch_and_its_first_sample_alone() -> None:
    def mix(seed: int = 1, *, epoch: int = 2, first: int = 3, second: int = 4) -> Mix:
        pair = (clip(first, epoch=epoch), clip(second, epoch=epoch))
        return plan_mixes(pair, augment=BOTH, seed=seed)[0]

    assert mix() == mix(second=5)
    later = plan_mixes([clip(9, epoch=2), bad(8), clip(3, epoch=2), clip(4, epoch=2)], augment=BOTH, seed=1)
    assert [(found.share, found.box) for found in later] == [(mix().share, mix().box)]
    assert len({mix(), mix(2), mix(epoch=3), mix(first=4)}) == 4


def test_how_often_pairs_are_mixed_and_by_what() -> None:
    items = [clip(index) for index in range(4000)]
    half = Augment(mixup_alpha=0.8, cutmix_alpha=1.0, mix_probability=0.5)
    found = plan_mixes(items, augment=half, seed=0)
    assert len(found) == pytest.approx(1000, abs=70)
    assert sum(mix.box is None for mix in found) == pytest.approx(500, abs=70)
    assert all(mix.box is None for mix in plan_mixes(items, augment=MIXUP, seed=0))
    assert all(mix.box is not None for mix in plan_mixes(items, augment=CUTMIX, seed=0))


def test_shares_follow_beta_and_the_box_its_area() -> None:
    random = np.random.default_rng(0)
    shares = [draw_mix(224, 224, augment=MIXUP, random=random)[0] for _ in range(3000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * 0.8 + 1)), abs=0.01)  # of Beta(a, a)
    assert {share * 256 % 1 for share in shares} == {0.0}
    for _ in range(300):
        share, box = draw_mix(50, 70, augment=CUTMIX, random=random)
        assert box is not None
        assert share == 1 - box.height * box.width / 3500
        assert 0 <= box.top <= box.top + box.height <= 50
        assert 0 <= box.left <= box.left + box.width <= 70


@pytest.mark.parametrize("share", [0.0, 0.36, 1.0])
def test_a_box_in_the_middle_has_the_area_asked_for(share: float) -> None:
    boxes = [cutmix_box(100, 200, share, np.random.default_rng(seed)) for seed in range(200)]
    largest = max(boxes, key=lambda box: box.height * box.width)
    half = {0.0: (50, 100), 0.36: (40, 80), 1.0: (0, 0)}[share]  # sqrt(1 - 0.36) = 0.8
    assert largest.height <= 2 * half[0]
    assert largest.width <= 2 * half[1]
    if share != 0:  # a whole box is cut unless its middle is that of the picture
        assert (largest.height, largest.width) == (2 * half[0], 2 * half[1])


def test_a_batch_is_mixed_once() -> None:
    batch = collate_mixed([clip(0, level=10), clip(1, level=250)], augment=MIXUP, seed=0)
    assert (len(batch.mixes), batch.labels.tolist()) == (1, [0, 1])
    mixed = mix_batch(batch, num_classes=3)
    share = batch.mixes[0].share
    assert mixed.labels.tolist() == [[share, 1 - share, 0], [1 - share, share, 0]]
    assert mixed.clips.dtype == torch.uint8
    assert int(mixed.clips[0].max()) == int(10 * share + 250 * (1 - share) + 0.5)
    assert mix_batch(mixed, num_classes=3) is mixed
    assert torch.equal(mixed.indices, batch.indices)


def test_a_batch_of_bad_videos_only() -> None:
    batch = collate_mixed([bad(0), bad(1)], augment=BOTH, seed=0)
    assert isinstance(batch, Batch)
    assert mix_batch(batch, num_classes=3) is batch


@needs_torchvision
@pytest.mark.parametrize("box", [None, Box(top=3, left=5, height=9, width=4)])
def test_torchvision_mixes_two_clips_alike(box: Box | None) -> None:
    import_torchvision(FOLDER)
    transforms: Any = importlib.import_module("torchvision.transforms.v2")
    share = 0.75 if box is None else 1 - 36 / (20 * 24)
    clips = random_clip((2, 1, 3, 4, 20, 24))
    batch = collate([clip(0), clip(1)])
    ours = mix_batch(
        Batch(
            clips=clips,
            labels=torch.tensor([2, 0]),
            indices=batch.indices,
            bad=(),
            mixes=(Mix(first=0, second=1, share=share, box=box),),
        ),
        num_classes=3,
    )
    frames = clips.flatten(1, 3).float()  # (2, 3 T, H, W): it takes pictures
    labels = torch.tensor([2, 0])
    if box is None:
        theirs = transforms.MixUp(num_classes=3)
        parameters: dict[str, Any] = {"lam": share, "labels": labels, "batch_size": 2}
    else:
        theirs = transforms.CutMix(num_classes=3)
        edges = (box.left, box.top, box.left + box.width, box.top + box.height)
        parameters = {"lam_adjusted": share, "box": edges, "labels": labels, "batch_size": 2}
    mixed = theirs.transform(frames, parameters)
    assert (ours.clips.flatten(1, 3).float() - mixed).abs().max() <= 0.5
    assert torch.allclose(ours.labels, theirs.transform(labels, parameters))


def test_several_classes_are_mixed_as_they_are() -> None:
    labels = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    mix = Mix(first=0, second=1, share=0.75, box=None)
    mixed = mix_labels(labels, (mix,), num_classes=3)
    assert mixed.tolist() == [[0.75, 1.0, 0.25], [0.25, 1.0, 0.75]]
    assert labels.tolist() == [[1, 1, 0], [0, 1, 1]]
