"""Which videos a run learns from and validates on, and their loaders under Lightning."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from videoswin.data.annotations import Sample, split_annotations
from videoswin.data.augment import Augment
from videoswin.data.clips import train_look, validation_clip
from videoswin.data.dataset import BadVideo, Batch, Clip, ClipDataset, Look
from videoswin.data.flips import mirrored_labels, propose_pairs, unpaired_sides
from videoswin.data.loader import eval_loader, train_loader
from videoswin.data.mix import mix_batch
from videoswin.data.prefetch import clip_bytes, free_bytes, plan_prefetch
from videoswin.data.rows import some
from videoswin.errors import AnnotationError
from videoswin.train.checks import check_content, read_source
from videoswin.train.data_config import DataConfig
from videoswin.values import ClipSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Splits:
    """Videos to train and validate on; labels[i] is the name of class i in both."""

    train: Sequence[Sample]
    val: Sequence[Sample]
    labels: tuple[str, ...]


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
    return Splits(train=train.samples, val=val.samples, labels=train.labels)


class VideoData(LightningDataModule):
    """Loaders: augmented clips in an order that changes by epoch; the middle clip of validation videos."""

    def __init__(
        self,
        splits: Splits,
        *,
        clip: ClipSpec,
        augment: Augment,
        batch_size: int,
        num_workers: int,
        seed: int,
        prefetch_mib: int = DataConfig.prefetch_mib,
    ) -> None:
        super().__init__()
        self.augment = augment
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.num_classes = len(splits.labels)
        self.seed = seed
        self.prefetch = plan_prefetch(
            batch_bytes=batch_size * clip_bytes(clip),
            num_workers=num_workers,
            bound_bytes=prefetch_mib << 20,
            free_bytes=free_bytes(),
        )
        mirrored = mirrored_labels(augment.flip_labels, splits.labels)
        load = partial(_train_look, clip=clip, augment=augment)
        self.train_set = ClipDataset(splits.train, load, seed, mirrored=mirrored)
        self.val_set = ClipDataset(splits.val, partial(_val_look, clip=clip), seed)
        _say_what_flips(splits.labels, augment, mirrored)
        (logger.warning if self.prefetch.is_over else logger.info)(f"loader: {self.prefetch}")

    @property
    def num_batches(self) -> int:
        """Of a training epoch. The last may be smaller: no video is dropped."""
        return math.ceil(len(self.train_set) / self.batch_size)

    def train_dataloader(self) -> DataLoader[Clip | BadVideo]:
        return train_loader(
            self.train_set,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            seed=self.seed,
            augment=self.augment,
            prefetch=self.prefetch.factor,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Clip | BadVideo]:
        return eval_loader(
            self.val_set,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            prefetch=self.prefetch.factor,
            pin_memory=torch.cuda.is_available(),
        )

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
