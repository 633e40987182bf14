"""Which videos a run learns from and validates on, and their loaders under Lightning."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from videoswin.data.annotations import Sample, read_annotations, split_annotations
from videoswin.data.augment import Augment
from videoswin.data.clips import train_clip, validation_clip
from videoswin.data.dataset import BadVideo, Batch, Clip, ClipDataset
from videoswin.data.loader import eval_loader, train_loader
from videoswin.errors import AnnotationError
from videoswin.train.config import DataConfig
from videoswin.values import ClipSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Splits:
    """Videos to train and validate on; labels[i] is the name of class i in both."""

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    labels: tuple[str, ...]


def read_splits(config: DataConfig, *, known_labels: tuple[str, ...], seed: int) -> Splits:
    """Both sets. Class ids follow `known_labels` (of pretrained weights) if those are the data's classes.

    Raises AnnotationError for a source that can't be used, or with fewer than two classes.
    """
    root = config.root or None
    train = read_annotations(config.train, root=root)
    if set(train.labels) == set(known_labels):
        train = read_annotations(config.train, root=root, labels=known_labels)
    if len(train.labels) < 2:
        raise AnnotationError(f"{config.train} names {len(train.labels)} class; training needs at least 2")
    if config.val:
        val = read_annotations(config.val, root=root, labels=train.labels)
    else:
        train, val = split_annotations(train, config.val_fraction, seed)
        logger.info(
            f"no data.val named: {len(val.samples)} videos ({config.val_fraction:.0%} of every class of "
            f"data.train, seed {seed}) are held out for validation"
        )
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
    ) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.train_set = ClipDataset(splits.train, partial(_train_clip, clip=clip, augment=augment), seed)
        self.val_set = ClipDataset(splits.val, partial(_val_clip, clip=clip), seed)

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
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Clip | BadVideo]:
        return eval_loader(
            self.val_set,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            pin_memory=torch.cuda.is_available(),
        )

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        # Lightning's own transfer writes into the fields, which a frozen dataclass refuses.
        clips, labels = (tensor.to(device, non_blocking=True) for tensor in (batch.clips, batch.labels))
        return replace(batch, clips=clips, labels=labels)


def _train_clip(file: Path, random: np.random.Generator, *, clip: ClipSpec, augment: Augment) -> Tensor:
    return train_clip(file, clip, augment, random)


def _val_clip(file: Path, random: np.random.Generator, *, clip: ClipSpec) -> Tensor:
    return validation_clip(file, clip)
