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
from videoswin.data.loader import train_loader
from videoswin.data.mix import mix_batch, mix_labels
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
    global_batch: int = 4,
    micro_batch: int | None = None,
    num_workers: int = 0,
    prefetch: int = 2,
    rank: int = 0,
    world_size: int = 1,
    updates_done: int = 0,
    epoch: int = 1,
) -> list[list[Row]]:
    """Rows of each batch, as the model gets them."""
    loader = train_loader(
        ClipDataset(annotations.samples, partial(look, augment=augment), seed=SEED),
        global_batch=global_batch,
        micro_batch=micro_batch,
        num_workers=num_workers,
        seed=SEED,
        augment=augment,
        rank=rank,
        world_size=world_size,
        updates_done=updates_done,
        prefetch=prefetch,
    )
    loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
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
    alone = epoch_of(annotations, augment)
    ranks = [epoch_of(annotations, augment, world_size=2, rank=rank, num_workers=rank) for rank in (0, 1)]
    assert len(alone) == len(ranks[0]) == len(ranks[1]) == 3
    for update, whole in enumerate(alone):
        assert sorted(ranks[0][update] + ranks[1][update]) == sorted(whole)


@both
def test_smaller_batches_and_more_of_them_an_update_change_no_clip(
    annotations: Annotations, augment: Augment
) -> None:
    assert flat(epoch_of(annotations, augment, global_batch=6, micro_batch=2)) == flat(
        epoch_of(annotations, augment, global_batch=6)
    )


@both
@pytest.mark.parametrize("num_workers", [0, 1])
def test_one_number_resumes_an_epoch(annotations: Annotations, augment: Augment, num_workers: int) -> None:
    whole = epoch_of(annotations, augment)
    for updates in (1, 2):
        # An epoch is three updates.
        rest = epoch_of(annotations, augment, updates_done=3 + updates, num_workers=num_workers)
        assert rest == whole[updates:]
    later = epoch_of(annotations, augment, epoch=2)
    assert epoch_of(annotations, augment, epoch=2, updates_done=4, num_workers=num_workers) == later


@both
def test_ranks_resume_together(annotations: Annotations, augment: Augment) -> None:
    for rank in (0, 1):
        whole = epoch_of(annotations, augment, world_size=2, rank=rank)
        rest = epoch_of(annotations, augment, world_size=2, rank=rank, updates_done=4)
        assert rest == whole[1:]


def test_mixing_did_happen(annotations: Annotations) -> None:
    shares = [row[2] for row in flat(epoch_of(annotations, RICH))]
    assert sum(0 < share[0] < 1 for share in shares) >= 2
