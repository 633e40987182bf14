from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from videoswin.data.annotations import Sample
from videoswin.data.dataset import BadVideo, Batch, Clip, ClipDataset, Look, collate
from videoswin.errors import DecodeError

SAMPLES = [Sample(path=f"{i}.mp4", file=Path(f"root/{i}.mp4"), label=i % 3) for i in range(6)]


def noise(sample: Sample, random: np.random.Generator) -> Look:
    if sample.file.name == "4.mp4":
        raise DecodeError(str(sample.file), "V05", "not a video")
    return Look(torch.from_numpy(random.integers(0, 256, (2, 3, 4, 5, 5), dtype=np.uint8)))


def test_randomness_is_of_seed_epoch_and_index_alone() -> None:
    def pixels(seed: int, epoch: int, index: int) -> bytes:
        item = ClipDataset(SAMPLES, noise, seed)[epoch, index]
        assert isinstance(item, Clip)
        return item.pixels.numpy().tobytes()

    keys = [(seed, epoch, index) for seed in (0, 1) for epoch in (0, 1) for index in (0, 1, 2)]
    assert len({pixels(*key) for key in keys}) == len(keys)
    dataset = ClipDataset(SAMPLES, noise, 1)
    dataset[0, 3], dataset[5, 1]
    again = dataset[1, 2]
    assert isinstance(again, Clip)
    assert again.pixels.numpy().tobytes() == pixels(1, 1, 2)


def test_a_bad_video_is_named_and_not_replaced() -> None:
    dataset = ClipDataset(SAMPLES, noise, 0)
    assert len(dataset) == 6
    bad = dataset[3, 4]
    assert bad == BadVideo(index=4, path="root/4.mp4", label=1, code="V05", reason="not a video")
    batch = collate([dataset[3, index] for index in (3, 4, 5)])
    assert batch.indices.tolist() == [3, 5]
    assert batch.labels.tolist() == [0, 2]
    assert batch.bad == (bad,)
    assert (len(batch), batch.clips.shape, batch.clips.dtype) == (2, (2, 2, 3, 4, 5, 5), torch.uint8)


def test_other_faults_are_not_swallowed() -> None:
    def broken(sample: Sample, random: np.random.Generator) -> Look:
        raise RuntimeError("a bug of ours")

    with pytest.raises(RuntimeError, match="a bug of ours"):
        ClipDataset(SAMPLES, broken, 0)[0, 0]


def test_a_batch_of_bad_videos_only() -> None:
    bad = ClipDataset(SAMPLES, noise, 0)[0, 4]
    batch = collate([bad, bad])
    assert (len(batch), batch.clips.shape, len(batch.bad)) == (0, (0, 0, 0, 0, 0, 0), 2)
    assert batch.labels.dtype == batch.indices.dtype == torch.int64


def test_a_flipped_clip_is_of_the_mirrored_class() -> None:
    def often_flipped(sample: Sample, random: np.random.Generator) -> Look:
        return Look(torch.zeros((1, 3, 1, 2, 2), dtype=torch.uint8), is_flipped=bool(random.random() < 0.5))

    def labels(mirrored: tuple[int, ...]) -> list[int]:
        dataset = ClipDataset(SAMPLES * 5, often_flipped, 0, mirrored=mirrored)
        return collate([dataset[0, index] for index in range(30)]).labels.tolist()

    assert labels(()) == [0, 1, 2] * 10  # classes of 0 and 1 change places, 2 is its own mirror image
    found = labels((1, 0, 2))
    assert found[2::3] == [2] * 10
    assert set(found[0::3]) == set(found[1::3]) == {0, 1}


@pytest.mark.gpu
def test_pinned_memory() -> None:
    assert torch.cuda.is_available()
    batch = collate([ClipDataset(SAMPLES, noise, 0)[0, index] for index in (0, 4)])
    pinned = batch.pin_memory()
    assert isinstance(pinned, Batch)
    assert pinned.clips.is_pinned()
    assert pinned.bad == batch.bad


def test_several_classes_a_video_are_one_row_of_zeros_and_ones() -> None:
    samples = [
        Sample(path=f"{i}.mp4", file=Path(f"root/{i}.mp4"), label=own[0], labels=own)
        for i, own in ((3, (0, 2)), (4, (1,)), (5, (1, 2)))
    ]
    dataset = ClipDataset(samples, noise, 0, num_classes=4)
    batch = collate([dataset[0, index] for index in range(3)])
    assert batch.labels.tolist() == [[1, 0, 1, 0], [0, 1, 1, 0]]
    assert batch.labels.dtype == torch.float32
    assert batch.bad[0].labels == (1,)


def test_a_flip_exchanges_each_of_several_classes() -> None:
    sample = Sample(path="a.mp4", file=Path("a.mp4"), label=0, labels=(0, 2))

    def flipped(sample: Sample, random: np.random.Generator) -> Look:
        return Look(noise(sample, random).pixels, is_flipped=True)

    clip = ClipDataset([sample], flipped, 0, mirrored=(1, 0, 2), num_classes=3)[0, 0]
    assert isinstance(clip, Clip)
    assert clip.classes is not None
    assert clip.classes.tolist() == [0, 1, 1]
    assert sample.labels == (0, 2)
