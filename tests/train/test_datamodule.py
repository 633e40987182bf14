from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.material import CLIP, write_video
from videoswin.data.augment import Augment
from videoswin.errors import AnnotationError
from videoswin.train.data_config import DataConfig
from videoswin.train.datamodule import VideoData, read_splits
from videoswin.train.position import Batches


def test_a_quarter_of_every_class_is_held_out_and_said(
    videos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    config = DataConfig(train=str(videos), val_fraction=0.25)
    splits = read_splits(config, known_labels=(), seed=0)
    assert splits.labels == ("bright", "dark")
    assert sorted(sample.label for sample in splits.train) == [0, 0, 0, 1, 1, 1]
    assert sorted(sample.label for sample in splits.val) == [0, 1]
    assert not {sample.path for sample in splits.train} & {sample.path for sample in splits.val}
    said = (
        "no data.val named: 2 videos (25% of every class of data.train, seed 0) are held out for validation"
    )
    assert said in caplog.messages


def test_a_named_validation_set_has_the_classes_of_the_training_set(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "val.csv").write_text(f"path,label\n{videos}/dark/0.mp4,dark\n")
    config = DataConfig(train=str(videos), val=str(tmp_path / "val.csv"))
    with pytest.raises(AnnotationError):
        read_splits(config, known_labels=(), seed=0)  # the path leaves the folder of the list
    shutil.copy(videos / "dark" / "0.mp4", tmp_path / "night.mp4")
    (tmp_path / "val.csv").write_text("path,label\nnight.mp4,dark\n")
    splits = read_splits(config, known_labels=(), seed=0)
    assert len(splits.train) == 8
    assert [sample.label for sample in splits.val] == [1]


def test_known_labels_order_the_classes_if_they_are_the_same(videos: Path) -> None:
    config = DataConfig(train=str(videos))
    assert read_splits(config, known_labels=("dark", "bright"), seed=0).labels == ("dark", "bright")
    assert read_splits(config, known_labels=("dark", "pale"), seed=0).labels == ("bright", "dark")


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    write_video(tmp_path / "only" / "0.mp4", brightness=100, seed=0)
    with pytest.raises(AnnotationError, match="names 1 class; training needs at least 2"):
        read_splits(DataConfig(train=str(tmp_path)), known_labels=(), seed=0)


def video_data(videos: Path, *, seed: int = 0) -> VideoData:
    splits = read_splits(DataConfig(train=str(videos), val_fraction=0.25), known_labels=(), seed=0)
    return VideoData(
        splits, clip=CLIP, augment=Augment(), global_batch=4, micro_batch=4, num_workers=0, seed=seed
    )


def test_batches_hold_every_video_once(videos: Path) -> None:
    data = video_data(videos)
    batches = list(data.train_dataloader())
    assert [len(batch) for batch in batches] == [4, 2]
    assert data.batches == Batches(updates_per_epoch=2, per_epoch=2, accumulate=1)
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(6))
    assert batches[0].clips.shape == (4, 1, 3, 4, 32, 32)
    assert batches[0].clips.dtype == torch.uint8
    assert [batch.indices.tolist() for batch in data.val_dataloader()] == [[0, 1]]


def test_training_clips_follow_from_seed_and_epoch(videos: Path) -> None:
    def first_epochs(seed: int) -> list[torch.Tensor]:
        loader = video_data(videos, seed=seed).train_dataloader()
        epochs = []
        for epoch in (0, 1):
            loader.batch_sampler.set_epoch(epoch)  # type: ignore[attr-defined]
            epochs.append(torch.cat([batch.clips for batch in loader]))  # type: ignore[attr-defined]
        return epochs

    first, again, other = first_epochs(0), first_epochs(0), first_epochs(1)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


def test_validation_clips_are_always_the_same(videos: Path) -> None:
    first, second = (next(iter(video_data(videos, seed=seed).val_dataloader())) for seed in (0, 1))
    assert torch.equal(first.clips, second.clips)  # type: ignore[attr-defined]


def test_clips_are_mixed_after_the_transfer_and_in_training_alone(videos: Path) -> None:
    splits = read_splits(DataConfig(train=str(videos), val_fraction=0.25), known_labels=(), seed=0)
    augment = Augment(mixup_alpha=0.8, cutmix_alpha=1.0)
    data = VideoData(splits, clip=CLIP, augment=augment, global_batch=4, micro_batch=4, num_workers=0, seed=0)
    found = [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]  # type: ignore[arg-type]
    assert [batch.labels.shape for batch in found] == [(4, 2), (2, 2)]
    assert all(torch.allclose(batch.labels.sum(1), torch.ones(len(batch))) for batch in found)
    plain = list(data.val_dataloader())
    assert data.on_after_batch_transfer(plain[0], 0) is plain[0]  # type: ignore[arg-type, comparison-overlap]


def test_flipped_clips_take_the_label_of_their_mirror_image(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    for label in ("push left", "push right", "right away"):
        (tmp_path / label).mkdir()
        for index in range(2):
            write_video(tmp_path / label / f"{index}.mp4", brightness=100, seed=index)
    splits = read_splits(DataConfig(train=str(tmp_path), val_fraction=0.5), known_labels=(), seed=0)

    def labels(augment: Augment) -> list[int]:
        data = VideoData(
            splits, clip=CLIP, augment=augment, global_batch=3, micro_batch=3, num_workers=0, seed=0
        )
        return sorted(int(label) for batch in data.train_dataloader() for label in batch.labels)

    always = Augment(flip_probability=1.0)
    assert labels(replace(always, flip_labels="auto")) == [0, 1, 2]
    assert "a flip exchanges 'push left' and 'push right'" in caplog.messages
    assert any("have no partner and stay: 'right away'" in message for message in caplog.messages)
    labels(always)
    assert "clips are flipped, but 'push left' is 'push right' in a mirror" in caplog.messages[-2]
    (tmp_path / "pairs.csv").write_text("push left,push right\n")
    data = VideoData(
        replace(splits, train=tuple(splits.train)[:1]),
        clip=CLIP,
        augment=replace(always, flip_labels=str(tmp_path / "pairs.csv")),
        global_batch=1,
        micro_batch=1,
        num_workers=0,
        seed=0,
    )
    assert [batch.labels.tolist() for batch in data.train_dataloader()] == [[1]]  # it was 0


def test_what_is_read_ahead_fits_the_memory_and_is_said(
    videos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    splits = read_splits(DataConfig(train=str(videos), val_fraction=0.25), known_labels=(), seed=0)
    clip = replace(CLIP, num_frames=32, size=224)  # 4.6 MiB a clip

    def prefetch(prefetch_mib: int) -> object:
        data = VideoData(
            splits,
            clip=clip,
            augment=Augment(),
            global_batch=4,
            micro_batch=4,
            num_workers=2,
            seed=0,
            prefetch_mib=prefetch_mib,
        )
        return data.train_dataloader().prefetch_factor

    assert prefetch(120) == 3  # 120 MiB hold 6.5 batches of 18.4 MiB
    assert caplog.messages[-1] == (
        "loader: 2 workers read 3 batches of 18.4 MiB ahead: 110.2 MiB of 120.0 MiB allowed"
    )
    assert prefetch(10) == 1
    assert caplog.records[-1].levelname == "WARNING"  # one batch a worker is more than 10 MiB


def test_transfer_keeps_names_on_the_cpu(videos: Path) -> None:
    data = video_data(videos)
    batch = next(iter(data.train_dataloader()))
    moved = data.transfer_batch_to_device(batch, torch.device("meta"), 0)  # type: ignore[arg-type]
    assert moved.clips.is_meta
    assert moved.labels.is_meta
    assert torch.equal(moved.indices, batch.indices)  # type: ignore[attr-defined]
    assert batch.clips.dtype == moved.clips.dtype == torch.uint8  # type: ignore[attr-defined]
