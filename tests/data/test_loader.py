from __future__ import annotations

import os
import signal
import time
from functools import partial

import numpy as np
import pytest
import torch

from tests.data.material import write_video
from videoswin.data import clips
from videoswin.data.annotations import Annotations, Sample, read_annotations
from videoswin.data.augment import Augment
from videoswin.data.dataset import Batch, ClipDataset, Look
from videoswin.data.loader import EverySampleOnce, UpdateSampler, eval_loader, shuffled, train_loader
from videoswin.errors import ConfigError
from videoswin.values import ClipSpec

CLIP = ClipSpec(num_frames=4, stride=2, size=32)


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> Annotations:
    folder = tmp_path_factory.mktemp("set")
    for index in range(7):
        (folder / f"class{index % 2}").mkdir(exist_ok=True)
        write_video(folder / f"class{index % 2}" / f"{index}.mp4", num_frames=10 + index, height=40)
    (folder / "class0/2.mp4").write_bytes(b"<html>")
    return read_annotations(folder)


def load(sample: Sample, random: np.random.Generator) -> Look:
    return clips.train_look(sample.file, CLIP, Augment(), random)


def load_middle(sample: Sample, random: np.random.Generator) -> Look:
    return Look(clips.validation_clip(sample.file, CLIP))


def sleepy(sample: Sample, random: np.random.Generator) -> Look:
    time.sleep(0.05)
    return Look(torch.zeros((1, 3, 1, 2, 2), dtype=torch.uint8))


@pytest.mark.parametrize("epoch", [0, 5])
def test_shuffled_order_is_of_seed_and_epoch(epoch: int) -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        return tuple(shuffled(20, seed=seed, epoch=epoch))

    assert sorted(order(0, epoch)) == list(range(20))
    assert order(0, epoch) == order(0, epoch)
    assert len({order(*key) for key in ((0, epoch), (0, epoch + 1), (1, epoch))}) == 3


@pytest.mark.parametrize(
    ("rank", "expected"),
    [
        # Order 0 ... 9, 6 samples an update over 2 ranks, 2 at once: rank 0 takes the even places. The second
        # update has only the samples 6 ... 9.
        (0, [[0, 2], [4], [6, 8]]),
        (1, [[1, 3], [5], [7, 9]]),
    ],
)
def test_an_update_is_dealt_to_ranks_and_portions(rank: int, expected: list[list[int]]) -> None:
    order = shuffled(10, seed=0, epoch=0)
    sampler = UpdateSampler(10, global_batch=6, micro_batch=2, seed=0, rank=rank, world_size=2)
    assert [[order.index(index) for _, index in portion] for portion in sampler] == expected
    assert (len(sampler), sampler.accumulate, sampler.updates_per_epoch) == (3, 2, 2)


@pytest.mark.parametrize("num_samples", [1, 2, 5, 24, 25])
@pytest.mark.parametrize("global_batch", [1, 4, 7, 30])
@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_every_sample_comes_once_and_all_ranks_take_as_many_portions(
    num_samples: int, global_batch: int, world_size: int, micro_batch: int
) -> None:
    ranks = [
        UpdateSampler(
            num_samples,
            global_batch=global_batch,
            micro_batch=micro_batch,
            seed=4,
            rank=rank,
            world_size=world_size,
        )
        for rank in range(world_size)
    ]
    portions = [list(sampler) for sampler in ranks]
    assert {len(own) for own in portions} == {len(ranks[0])}
    assert max(len(portion) for own in portions for portion in own) <= micro_batch
    assert sorted(key for own in portions for portion in own for key in portion) == [
        (0, index) for index in range(num_samples)
    ]
    order, start = shuffled(num_samples, seed=4, epoch=0), 0
    while start < len(portions[0]):
        update = [
            index
            for own in portions
            for portion in own[start : start + ranks[0].accumulate]
            for _, index in portion
        ]
        first = start // ranks[0].accumulate * global_batch
        assert sorted(update) == sorted(order[first : first + global_batch])
        start += ranks[0].accumulate


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_neighbours_stay_together(group: int, world_size: int) -> None:
    order = shuffled(25, seed=4, epoch=0)
    for rank in range(world_size):
        sampler = UpdateSampler(
            25, global_batch=8, micro_batch=2, seed=4, rank=rank, world_size=world_size, group=group
        )
        for portion in sampler:
            places = [order.index(index) for _, index in portion]
            if group == 2 and len(places) == 2:
                assert places[0] % 2 == 0
                assert places[1] == places[0] + 1


def test_a_resumed_sampler_goes_on_in_its_epoch() -> None:
    def sampler(updates_done: int) -> UpdateSampler:
        return UpdateSampler(10, global_batch=4, micro_batch=2, seed=0, updates_done=updates_done)

    whole = sampler(0)
    whole.set_epoch(2)
    resumed = sampler(7)  # two epochs of three updates, and one
    assert resumed.epoch == 2
    assert list(resumed) == list(whole)[2:]
    assert len(resumed) == len(whole) == 5  # of a whole epoch, as Lightning counts
    resumed.set_epoch(3)
    assert len(list(resumed)) == 5
    assert sampler(9).epoch == 3


def test_mixing_needs_even_sizes() -> None:
    with pytest.raises(ConfigError, match="global_batch is 5; allowed with mixup or CutMix: an even number"):
        UpdateSampler(10, global_batch=5, micro_batch=2, seed=0, group=2)
    with pytest.raises(ConfigError, match="micro_batch is 3; allowed with mixup or CutMix: an even number"):
        UpdateSampler(10, global_batch=4, micro_batch=3, seed=0, group=2)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("num_samples", [0, 1, 7, 12])
def test_evaluation_neither_pads_nor_repeats(num_samples: int, world_size: int, batch_size: int) -> None:
    ranks = [
        list(EverySampleOnce(num_samples, batch_size=batch_size, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    sampler = EverySampleOnce(num_samples, batch_size=batch_size, world_size=world_size)
    assert {len(batches) for batches in ranks} == {len(sampler)}
    assert max((len(batch) for batches in ranks for batch in batches), default=0) <= batch_size
    keys = [key for batches in ranks for batch in batches for key in batch]
    assert sorted(keys) == [(0, index) for index in range(num_samples)]


def as_bytes(batches: list[Batch]) -> list[tuple[bytes, list[int], list[int], tuple[object, ...]]]:
    return [(b.clips.numpy().tobytes(), b.labels.tolist(), b.indices.tolist(), b.bad) for b in batches]


def test_any_number_of_workers_gives_the_same_batches(annotations: Annotations) -> None:
    runs = []
    for num_workers in (0, 1, 2):
        loader = train_loader(
            ClipDataset(annotations.samples, load, seed=3), global_batch=3, num_workers=num_workers, seed=3
        )
        assert len(loader) == 3
        epochs = []
        for epoch in (0, 1):
            loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
            epochs.append(as_bytes(list(loader)))
        runs.append(epochs)
    assert runs[0] == runs[1] == runs[2]
    assert runs[0][0] != runs[0][1]
    for epoch in runs[0]:
        assert sorted(index for batch in epoch for index in batch[2]) == [0, 2, 3, 4, 5, 6]
        assert [bad.code for batch in epoch for bad in batch[3]] == ["V05"]  # type: ignore[attr-defined]


def test_evaluation_goes_in_order(annotations: Annotations) -> None:
    dataset = ClipDataset(annotations.samples, load_middle, seed=0)
    batches = list(eval_loader(dataset, batch_size=4, num_workers=0))
    assert [batch.indices.tolist() for batch in batches] == [[0, 2, 3], [4, 5, 6]]
    assert [bad.index for bad in batches[0].bad] == [1]
    halves = [
        [
            i
            for batch in eval_loader(dataset, batch_size=4, num_workers=0, rank=rank, world_size=2)
            for i in batch.indices
        ]
        for rank in (0, 1)
    ]
    assert [[int(i) for i in half] for half in halves] == [[0, 2, 4, 6], [3, 5]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_outlive_a_signal_to_the_group(annotations: Annotations, number: signal.Signals) -> None:
    dataset = ClipDataset(tuple(annotations.samples) * 3, sleepy, seed=0)
    loader = iter(eval_loader(dataset, batch_size=1, num_workers=2))
    first = next(loader)
    for worker in loader._workers:
        os.kill(worker.pid, number)
    assert 1 + sum(1 for _ in loader) == 21
    assert first.indices.tolist() == [0]


def test_workers_use_one_thread(annotations: Annotations) -> None:
    dataset = ClipDataset(annotations.samples, partial(_threads), seed=0)
    for batch in eval_loader(dataset, batch_size=7, num_workers=1):
        assert set(batch.clips.flatten().tolist()) == {1}


def _threads(sample: Sample, random: np.random.Generator) -> Look:
    return Look(torch.full((1, 3, 1, 1, 1), torch.get_num_threads(), dtype=torch.uint8))
