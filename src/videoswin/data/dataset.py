"""Labelled videos as batches of clips. A video that can't be read becomes a named failure in its batch; no
other video takes its place.

Legend: B clips that could be read, V views, T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from videoswin.data.annotations import Sample
from videoswin.data.crops import Box
from videoswin.errors import DecodeError


class Look(NamedTuple):
    """What one reading of a video gives."""

    pixels: Tensor
    """(V, 3, T, H, W) uint8."""
    is_flipped: bool = False
    """Whether left and right are exchanged, which may make it another class."""


LoadClip = Callable[[Sample, np.random.Generator], Look]
"""From a labelled video and a source of randomness to its clip; raises DecodeError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """One video, read."""

    index: int
    label: int
    """Its class; of a multi-label video the first."""
    pixels: Tensor
    """(V, 3, T, H, W) uint8."""
    epoch: int = 0
    """The epoch it was read for."""
    classes: Tensor | None = None
    """In multi-label data (K,) float32, 1 for each of its classes; else None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BadVideo:
    """One video that could not be read. code and reason are those of its DecodeError; path is the file
    tried."""

    index: int
    path: str
    label: int
    code: str
    reason: str
    labels: tuple[int, ...] = ()
    """All classes of a multi-label video."""


class Mix(NamedTuple):
    """Two clips of a batch that are to become each other's mixture, see mix.py."""

    first: int
    """Row of the batch."""
    second: int
    share: float
    """What each keeps of itself and of its label, 0 to 1; the rest is the other's."""
    box: Box | None
    """Pixels that come from the other in all frames (CutMix), None where all pixels are blended (mixup)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What was read of the next samples. `indices` are positions in the data set; bad videos are in `bad`
    alone."""

    clips: Tensor
    """(B, V, 3, T, H, W) uint8. Where B is 0 the other sizes are 0 too."""
    labels: Tensor
    """(B,) int64; (B, K) float32 of mixed clips, the share of each class, and of multi-label data, 1 for
    each class of a clip."""
    indices: Tensor
    """(B,) int64."""
    bad: tuple[BadVideo, ...]
    mixes: tuple[Mix, ...] = ()
    """Pairs that are still to be mixed, once the clips are on the device that trains."""

    def __len__(self) -> int:
        return len(self.labels)

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory; the loader calls this."""
        return replace(
            self,
            clips=self.clips.pin_memory(),
            labels=self.labels.pin_memory(),
            indices=self.indices.pin_memory(),
        )


class ClipDataset(Dataset[Clip | BadVideo]):
    """Clips by (epoch, index). The same pair gives the same clip, whichever worker or rank asks, and how
    often."""

    def __init__(
        self,
        samples: Sequence[Sample],
        load: LoadClip,
        seed: int,
        *,
        mirrored: Sequence[int] = (),
        num_classes: int = 0,
    ) -> None:
        """mirrored: the class of a flipped clip for each class, see `flip_labels`; empty: its own.
        num_classes: K of multi-label data, whose batches have labels (B, K); 0: one class a video."""
        self.samples = samples
        self._load = load
        self._seed = seed
        self._mirrored = mirrored
        self._num_classes = num_classes

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> Clip | BadVideo:
        epoch, index = key
        sample = self.samples[index]
        random = np.random.default_rng((self._seed, epoch, index))
        try:
            look = self._load(sample, random)
        except DecodeError as error:
            return BadVideo(
                index=index,
                path=error.path,
                label=sample.label,
                code=error.code,
                reason=error.reason,
                labels=sample.labels,
            )
        labels = sample.labels or (sample.label,)
        if look.is_flipped and len(self._mirrored) > 0:
            labels = tuple(self._mirrored[label] for label in labels)
        return Clip(
            index=index,
            label=labels[0],
            pixels=look.pixels,
            epoch=epoch,
            classes=several_hot(labels, self._num_classes) if self._num_classes else None,
        )


def several_hot(labels: Sequence[int], num_classes: int) -> Tensor:
    """(K,) float32: 1 for each of `labels`, 0 for the others."""
    hot = torch.zeros(num_classes)
    hot[list(labels)] = 1
    return hot


def collate(items: Sequence[Clip | BadVideo]) -> Batch:
    """Put what was read into one batch, in the order of the items."""
    clips = [item for item in items if isinstance(item, Clip)]
    return Batch(
        clips=torch.stack([clip.pixels for clip in clips])
        if clips
        else torch.empty((0,) * 6, dtype=torch.uint8),
        labels=_labels(clips),
        indices=torch.tensor([clip.index for clip in clips], dtype=torch.int64),
        bad=tuple(item for item in items if isinstance(item, BadVideo)),
    )


def _labels(clips: Sequence[Clip]) -> Tensor:
    """(B,) int64; (B, K) float32 where the clips have several classes."""
    classes = [clip.classes for clip in clips if clip.classes is not None]
    return (
        torch.stack(classes) if classes else torch.tensor([clip.label for clip in clips], dtype=torch.int64)
    )
