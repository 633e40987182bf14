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
from videoswin.data.loader import EpochSampler, eval_loader, train_loader
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
    def order(seed: int, epoch: int) -> list[tuple[int, int]]:
        sampler = EpochSampler(20, seed=seed, shuffle=True)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert {key[0] for key in order(0, epoch)} == {epoch}
    assert sorted(key[1] for key in order(0, epoch)) == list(range(20))
    assert order(0, epoch) == order(0, epoch)
    assert (
        len({tuple(index for _, index in order(*key)) for key in ((0, epoch), (0, epoch + 1), (1, epoch))})
        == 3
    )


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("num_samples", [0, 1, 7, 12])
def test_evaluation_neither_pads_nor_repeats(num_samples: int, world_size: int) -> None:
    seen = []
    for rank in range(world_size):
        sampler = EpochSampler(num_samples, seed=0, shuffle=False, rank=rank, world_size=world_size)
        keys = list(sampler)
        assert len(sampler) == len(keys)
        seen += keys
    assert sorted(seen) == [(0, index) for index in range(num_samples)]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_training_ranks_share_one_order_and_take_as_many_steps(world_size: int) -> None:
    ranks = [
        EpochSampler(11, seed=4, shuffle=True, rank=rank, world_size=world_size) for rank in range(world_size)
    ]
    keys = [list(sampler) for sampler in ranks]
    assert {len(part) for part in keys} == {len(ranks[0])} == {11 // world_size}
    together = [key for step in zip(*keys, strict=True) for key in step]
    assert together == list(EpochSampler(11, seed=4, shuffle=True))[: len(together)]


def as_bytes(batches: list[Batch]) -> list[tuple[bytes, list[int], list[int], tuple[object, ...]]]:
    return [(b.clips.numpy().tobytes(), b.labels.tolist(), b.indices.tolist(), b.bad) for b in batches]


def test_any_number_of_workers_gives_the_same_batches(annotations: Annotations) -> None:
    runs = []
    for num_workers in (0, 1, 2):
        loader = train_loader(
            ClipDataset(annotations.samples, load, seed=3), batch_size=3, num_workers=num_workers, seed=3
        )
        assert len(loader) == 3
        epochs = []
        for epoch in (0, 1):
            loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
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
