"""Which videos a run learns from and validates on, and their loaders under Lightning."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from videoswin import ranks
from videoswin.data.annotations import Sample, split_annotations
from videoswin.data.augment import Augment
from videoswin.data.clips import train_look, validation_clip
from videoswin.data.dataset import BadVideo, Batch, Clip, ClipDataset, Look
from videoswin.data.flips import mirrored_labels, propose_pairs, unpaired_sides
from videoswin.data.loader import UpdateSampler, eval_loader, train_loader
from videoswin.data.mix import mix_batch
from videoswin.data.prefetch import clip_bytes, free_bytes, plan_prefetch
from videoswin.data.rows import some
from videoswin.errors import AnnotationError
from videoswin.train.checks import check_content, read_source
from videoswin.train.data_config import DataConfig
from videoswin.train.position import Batches
from videoswin.values import ClipSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Splits:
    """Videos to train and validate on; labels[i] is the name of class i in both."""

    train: Sequence[Sample]
    val: Sequence[Sample]
    labels: tuple[str, ...]
    is_multi_label: bool = False
    """Whether a video may have several classes."""


def read_splits(
    config: DataConfig, *, known_labels: tuple[str, ...], seed: int, folder: Path | None = None
) -> Splits:
    """Both sets. Class ids follow `known_labels` (of pretrained weights) if those are the data's classes.

    folder: for the list of what the preflight finds. Raises AnnotationError for a source that can't be used,
    `data.test` too, or with fewer than two classes.
    """
    train = read_source(config, config.train)
    if train.labels != known_labels and set(train.labels) == set(known_labels):
        train = read_source(config, config.train, known_labels)
    if len(train.labels) < 2:
        raise AnnotationError(f"{config.train} names {len(train.labels)} class; training needs at least 2")
    if config.val:
        val = read_source(config, config.val, train.labels)
    else:
        train, val = split_annotations(train, config.val_fraction, seed)
        logger.info(
            f"no data.val named: {len(val.samples)} videos ({config.val_fraction:.0%} of every class of "
            f"data.train, seed {seed}) are held out for validation"
        )
    check_content(config, {"train": train.samples, "val": val.samples}, train.labels, folder)
    several = train.is_multi_label or val.is_multi_label
    return Splits(train=train.samples, val=val.samples, labels=train.labels, is_multi_label=several)


class VideoData(LightningDataModule):
    """Loaders: augmented clips in an order that changes by epoch; the middle clip of validation videos."""

    def __init__(
        self,
        splits: Splits,
        *,
        clip: ClipSpec,
        augment: Augment,
        global_batch: int,
        micro_batch: int,
        num_workers: int,
        seed: int,
        updates_done: int = 0,
        prefetch_mib: int = DataConfig.prefetch_mib,
    ) -> None:
        """The sizes and updates_done are those of data.loader.UpdateSampler."""
        super().__init__()
        self.augment = augment
        self.micro_batch = micro_batch
        self.num_workers = num_workers
        self.num_classes = len(splits.labels)
        self.seed = seed
        self.prefetch = plan_prefetch(
            batch_bytes=micro_batch * clip_bytes(clip),
            num_workers=num_workers,
            bound_bytes=prefetch_mib << 20,
            free_bytes=free_bytes(),
        )
        mirrored = mirrored_labels(augment.flip_labels, splits.labels)
        load = partial(_train_look, clip=clip, augment=augment)
        several = self.num_classes if splits.is_multi_label else 0
        self.train_set = ClipDataset(splits.train, load, seed, mirrored=mirrored, num_classes=several)
        self.val_set = ClipDataset(splits.val, partial(_val_look, clip=clip), seed, num_classes=several)
        _say_what_flips(splits.labels, augment, mirrored)
        (logger.warning if self.prefetch.is_over else logger.info)(f"loader: {self.prefetch}")

        self._train = train_loader(
            self.train_set,
            global_batch=global_batch,
            micro_batch=micro_batch,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
            rank=ranks.rank(),
            world_size=ranks.world_size(),
            updates_done=updates_done,
            prefetch=self.prefetch.factor,
            pin_memory=torch.cuda.is_available(),
        )
        self._val = eval_loader(
            self.val_set,
            batch_size=micro_batch,
            num_workers=num_workers,
            rank=ranks.rank(),
            world_size=ranks.world_size(),
            prefetch=self.prefetch.factor,
            pin_memory=torch.cuda.is_available(),
        )

    @property
    def batches(self) -> Batches:
        """How this process's epochs are dealt out."""
        sampler = self._train.batch_sampler
        assert isinstance(sampler, UpdateSampler)
        return Batches(
            updates_per_epoch=sampler.updates_per_epoch,
            per_epoch=len(sampler),
            accumulate=sampler.accumulate,
        )

    def train_dataloader(self) -> DataLoader[Clip | BadVideo]:
        return self._train

    def val_dataloader(self) -> DataLoader[Clip | BadVideo]:
        return self._val

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        # Lightning's own transfer writes into the fields, which a frozen dataclass refuses.
        clips, labels = (tensor.to(device, non_blocking=True) for tensor in (batch.clips, batch.labels))
        return replace(batch, clips=clips, labels=labels)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return mix_batch(batch, num_classes=self.num_classes)


def _train_look(sample: Sample, random: np.random.Generator, *, clip: ClipSpec, augment: Augment) -> Look:
    return train_look(sample.file, clip, augment, random, segment=sample.segment)


def _val_look(sample: Sample, random: np.random.Generator, *, clip: ClipSpec) -> Look:
    return Look(validation_clip(sample.file, clip, segment=sample.segment))


def _say_what_flips(labels: Sequence[str], augment: Augment, mirrored: Sequence[int]) -> None:
    """Which labels a flip exchanges, or that it may make labels wrong."""
    pairs = [(labels[one], labels[other]) for one, other in enumerate(mirrored) if one < other]
    if pairs:
        logger.info(f"a flip exchanges {some(f'{one!r} and {other!r}' for one, other in pairs)}")
        alone = unpaired_sides(labels) if augment.flip_labels == "auto" else []
        if alone:
            logger.info(f"  these name left or right, but have no partner and stay: {some(map(repr, alone))}")
    elif augment.flip_probability and propose_pairs(labels):
        one, other = propose_pairs(labels)[0]
        logger.warning(
            f"clips are flipped, but {one!r} is {other!r} in a mirror: augment.flip_labels auto exchanges "
            "such labels, augment.flip_probability 0 flips nothing"
        )
