"""The same (seed, epoch) gives the same bytes for any number of workers, any read-ahead, any number of ranks
with the same clips an update, and from the middle of an epoch on: real videos, augmented and mixed."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest

from tests.data.material import write_video
from videoswin.data.annotations import Annotations, Sample, read_annotations
from videoswin.data.augment import Augment
from videoswin.data.clips import train_look
from videoswin.data.dataset import Batch, ClipDataset, Look
from videoswin.data.loader import EpochSampler, train_loader
from videoswin.data.mix import mix_batch, mix_labels
from videoswin.errors import ConfigError
from videoswin.values import ClipSpec

CLIP = ClipSpec(num_frames=4, stride=2, size=32)
PLAIN = Augment()
RICH = Augment(
    jitter_brightness=0.4,
    jitter_contrast=0.4,
    jitter_saturation=0.4,
    jitter_hue=0.1,
    randaugment_ops=2,
    erase_probability=0.25,
    mixup_alpha=0.8,
    cutmix_alpha=1.0,
    mix_probability=0.9,
)
SEED = 3
Row = tuple[int, bytes, list[float]]
"""Index in the data set, bytes of the clip, its share of each class."""


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> Annotations:
    """Twelve videos of two classes; one can't be read."""
    folder = tmp_path_factory.mktemp("set")
    for index in range(12):
        (folder / f"class{index % 2}").mkdir(exist_ok=True)
        write_video(folder / f"class{index % 2}" / f"{index}.mp4", num_frames=10 + index, height=40)
    (folder / "class0/2.mp4").write_bytes(b"<html>")
    return read_annotations(folder)


def look(sample: Sample, random: np.random.Generator, *, augment: Augment) -> Look:
    return train_look(sample.file, CLIP, augment, random)


def epoch_of(
    annotations: Annotations,
    augment: Augment,
    *,
    batch_size: int = 4,
    num_workers: int = 0,
    prefetch: int = 2,
    rank: int = 0,
    world_size: int = 1,
    num_done: int = 0,
    epoch: int = 1,
) -> list[list[Row]]:
    """Rows of each batch, as the model gets them."""
    loader = train_loader(
        ClipDataset(annotations.samples, partial(look, augment=augment), seed=SEED),
        batch_size=batch_size,
        num_workers=num_workers,
        seed=SEED,
        augment=augment,
        rank=rank,
        world_size=world_size,
        num_done=num_done,
        prefetch=prefetch,
    )
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return [rows(mix_batch(batch, num_classes=2)) for batch in loader]


def rows(batch: Batch) -> list[Row]:
    # A batch in which nothing is mixed keeps its class numbers.
    shares = batch.labels if batch.labels.ndim == 2 else mix_labels(batch.labels, (), num_classes=2)
    return [
        (int(index), clip.numpy().tobytes(), label.tolist())
        for index, clip, label in zip(batch.indices, batch.clips, shares, strict=True)
    ]


def flat(batches: list[list[Row]]) -> list[Row]:
    return list(itertools.chain(*batches))


both = pytest.mark.parametrize("augment", [PLAIN, RICH], ids=["plain", "rich"])


@both
def test_workers_and_read_ahead_change_nothing(annotations: Annotations, augment: Augment) -> None:
    alone = epoch_of(annotations, augment)
    assert len(flat(alone)) == 11
    assert epoch_of(annotations, augment, num_workers=1, prefetch=4) == alone
    assert epoch_of(annotations, augment, num_workers=3, prefetch=1) == alone
    assert epoch_of(annotations, augment, epoch=2) != alone


@both
def test_ranks_share_the_same_updates(annotations: Annotations, augment: Augment) -> None:
    """Four clips at once on one rank, or two on each of two: the same four clips an update."""
    alone = epoch_of(annotations, augment, batch_size=4)
    ranks = [
        epoch_of(annotations, augment, batch_size=2, world_size=2, rank=rank, num_workers=rank)
        for rank in (0, 1)
    ]
    assert len(alone) == len(ranks[0]) == len(ranks[1]) == 3
    for update, whole in enumerate(alone):
        assert sorted(ranks[0][update] + ranks[1][update]) == sorted(whole)


@both
def test_smaller_batches_and_more_of_them_an_update_change_no_clip(
    annotations: Annotations, augment: Augment
) -> None:
    assert flat(epoch_of(annotations, augment, batch_size=2)) == flat(
        epoch_of(annotations, augment, batch_size=6)
    )


@both
@pytest.mark.parametrize("num_workers", [0, 1])
def test_one_number_resumes_an_epoch(annotations: Annotations, augment: Augment, num_workers: int) -> None:
    whole = epoch_of(annotations, augment)
    for num_batches in (1, 2):
        num_done = 12 + 4 * num_batches  # epoch 0, and so many batches of epoch 1
        rest = epoch_of(annotations, augment, num_done=num_done, num_workers=num_workers)
        assert rest == whole[num_batches:]
    later = epoch_of(annotations, augment, epoch=2)
    assert epoch_of(annotations, augment, epoch=2, num_done=16, num_workers=num_workers) == later


@both
def test_ranks_resume_together(annotations: Annotations, augment: Augment) -> None:
    for rank in (0, 1):
        whole = epoch_of(annotations, augment, batch_size=2, world_size=2, rank=rank)
        rest = epoch_of(annotations, augment, batch_size=2, world_size=2, rank=rank, num_done=16)
        assert rest == whole[1:]


def test_mixing_did_happen(annotations: Annotations) -> None:
    shares = [row[2] for row in flat(epoch_of(annotations, RICH))]
    assert sum(0 < share[0] < 1 for share in shares) >= 2


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_every_sample_comes_once_in_whole_groups(group: int, world_size: int) -> None:
    def keys(rank: int, world_size: int) -> list[tuple[int, int]]:
        sampler = EpochSampler(25, seed=4, shuffle=True, rank=rank, world_size=world_size, group=group)
        found = list(sampler)
        assert len(sampler) == len(found)
        return found

    order = keys(0, 1)
    assert sorted(order) == [(0, index) for index in range(25)]
    ranks = [keys(rank, world_size) for rank in range(world_size)]
    num_used = 25 if world_size == 1 else 25 - 25 % (group * world_size)
    assert {len(part) for part in ranks} == {num_used // world_size}
    turns = [part[place : place + group] for place in range(0, len(ranks[0]), group) for part in ranks]
    assert flat(turns) == order[:num_used]  # type: ignore[arg-type, comparison-overlap]


def test_a_resumed_sampler_knows_its_epoch_and_length() -> None:
    sampler = EpochSampler(10, seed=0, shuffle=True, num_done=24)
    assert (sampler.epoch, len(sampler)) == (2, 6)
    whole = EpochSampler(10, seed=0, shuffle=True)
    whole.set_epoch(2)
    assert list(sampler) == list(whole)[4:]
    sampler.set_epoch(3)
    assert len(list(sampler)) == len(sampler) == 10
    assert len(EpochSampler(10, seed=0, shuffle=True, num_done=30)) == 10  # a new epoch


def test_a_position_between_the_ranks_is_refused(annotations: Annotations) -> None:
    message = (
        "13 samples are done, 1 of them in epoch 1, which 2 ranks can't have shared; allowed: a multiple of 2"
    )
    with pytest.raises(ConfigError, match=message):
        EpochSampler(12, seed=0, shuffle=True, world_size=2, num_done=13)
    with pytest.raises(ConfigError, match="allowed: a multiple of 2 in an epoch"):
        epoch_of(annotations, RICH, num_done=13)


def test_pairs_need_even_batches(annotations: Annotations) -> None:
    with pytest.raises(ConfigError, match="batch_size is 3; allowed with mixup or CutMix: an even number"):
        epoch_of(annotations, RICH, batch_size=3)
