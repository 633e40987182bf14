"""Clips exactly as the model sees them, with what is needed to judge them: label, file, frame indices.

Legend: T frames, S the side of the crop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from videoswin.data.annotations import Annotations
from videoswin.data.augment import Augment
from videoswin.data.clips import test_views, train_look
from videoswin.data.dataset import BadVideo, Clip, ClipDataset, Look, collate
from videoswin.data.flips import mirrored_labels
from videoswin.data.loader import shuffled
from videoswin.data.mix import PAIR, mix_clips, mix_labels, plan_mixes
from videoswin.data.picture import Pixels
from videoswin.data.prepared_list import label_of
from videoswin.data.reader import open_reader
from videoswin.data.samples import Sample
from videoswin.data.sampling import IntArray, test_indices, train_indices
from videoswin.data.segments import within
from videoswin.values import ClipSpec, Views


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One clip and what it is."""

    index: int
    """Of the sample in the data set."""
    label: str
    """With shares where two were mixed."""
    path: str
    view: str
    """Which view or epoch."""
    frames: IntArray
    """(T,) indices in the video, those of a segment too."""
    pixels: Pixels
    """(T, S, S, 3)."""


def training_clips(
    annotations: Annotations,
    wanted: Sequence[int],
    *,
    clip: ClipSpec,
    augment: Augment,
    seed: int,
    epoch: int,
) -> Iterator[Shown | BadVideo]:
    """The wanted samples as a training run of this seed sees them in this epoch, mixing included."""
    mirrored = mirrored_labels(augment.flip_labels, annotations.labels)
    load = partial(_train_look, clip=clip, augment=augment)
    dataset = ClipDataset(annotations.samples, load, seed, mirrored=mirrored)
    partners = epoch_pairs(len(dataset), seed=seed, epoch=epoch) if augment.has_mix else {}
    for index in wanted:
        pair = partners.get(index, (index,))
        items = [dataset[epoch, member] for member in pair]
        yield _shown_of(items[pair.index(index)], items, annotations, clip=clip, augment=augment, seed=seed)


def epoch_pairs(num_samples: int, *, seed: int, epoch: int) -> dict[int, tuple[int, ...]]:
    """For each sample, the neighbours in the order of the epoch that are mixed with each other."""
    order = shuffled(num_samples, seed=seed, epoch=epoch)
    pairs = [tuple(order[place : place + PAIR]) for place in range(0, len(order), PAIR)]
    return {index: pair for pair in pairs for index in pair}


def test_clips(
    annotations: Annotations,
    wanted: Sequence[int],
    *,
    clip: ClipSpec,
    views: Views,
) -> Iterator[Shown | BadVideo]:
    """All test views of the wanted samples."""
    load = partial(_test_look, clip=clip, views=views)
    dataset = ClipDataset(annotations.samples, load, seed=0)
    for index in wanted:
        item, sample = dataset[0, index], annotations.samples[index]
        if isinstance(item, BadVideo):
            yield item
            continue
        plan = partial(test_indices, clip=clip, num_clips=views.clips)
        frames = _indices_read(sample, plan, clip)  # (clips, T)
        for number, pixels in enumerate(item.pixels):
            yield Shown(
                index=index,
                label=label_of(sample, annotations.labels),
                path=sample.path,
                view=f"view {number + 1} of {views}",
                frames=frames[number % views.clips],
                pixels=pixels.permute(1, 2, 3, 0).numpy(),
            )


def _shown_of(
    item: Clip | BadVideo,
    items: Sequence[Clip | BadVideo],
    annotations: Annotations,
    *,
    clip: ClipSpec,
    augment: Augment,
    seed: int,
) -> Shown | BadVideo:
    """One of a pair, mixed with the other as in its batch."""
    if isinstance(item, BadVideo):
        return item
    batch = collate(items)
    row = int((batch.indices == item.index).nonzero()[0])
    mixes = plan_mixes(items, augment=augment, seed=seed) if augment.has_mix else ()
    pixels = mix_clips(batch.clips, mixes)[row, 0]  # (3, T, S, S)
    shares = mix_labels(batch.labels, mixes, num_classes=len(annotations.labels))[row]
    sample = annotations.samples[item.index]
    plan = partial(train_indices, clip=clip, random=np.random.default_rng((seed, item.epoch, item.index)))
    return Shown(
        index=item.index,
        label=_label_text(sample, shares, annotations.labels),
        path=sample.path,
        view=f"seed {seed}, epoch {item.epoch}",
        frames=_indices_read(sample, plan, clip),
        pixels=pixels.permute(1, 2, 3, 0).numpy(),
    )


def _label_text(sample: Sample, shares: torch.Tensor, labels: Sequence[str]) -> str:
    """`cut`, or `0.75 cut + 0.25 fold`; all classes of a multi-label video."""
    if sample.labels:
        return label_of(sample, tuple(labels))
    present = shares.nonzero().flatten().tolist()
    if len(present) == 1:
        return str(labels[present[0]])
    return " + ".join(f"{shares[label]:.2g} {labels[label]}" for label in present)


def _indices_read(sample: Sample, plan: Callable[[int], IntArray], clip: ClipSpec) -> IntArray:
    """The indices that reading the sample by this plan ends up with: it may be asked twice (`Video.read`)."""
    asked: list[IntArray] = []
    with open_reader(sample.file) as video:
        inside = within(sample.segment, plan, path=str(sample.file), times=video.times)

        def recorded(num_frames: int) -> IntArray:
            asked.append(inside(num_frames))
            return asked[-1]

        video.read(recorded, short_side=min(clip.size, 32))
    return asked[-1]


def _train_look(sample: Sample, random: np.random.Generator, *, clip: ClipSpec, augment: Augment) -> Look:
    return train_look(sample.file, clip, augment, random, segment=sample.segment)


def _test_look(sample: Sample, random: np.random.Generator, *, clip: ClipSpec, views: Views) -> Look:
    return Look(test_views(sample.file, clip, views, segment=sample.segment))
