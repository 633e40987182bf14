"""Labelled videos as batches of clips. A video that can't be read becomes a named failure in its batch; no
other video takes its place.

Legend: B clips that could be read, V views, T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from videoswin.data.annotations import Sample
from videoswin.errors import DecodeError

LoadClip = Callable[[Path, np.random.Generator], Tensor]
"""From a file and a source of randomness to a uint8 clip (V, 3, T, H, W); raises DecodeError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """One video, read."""

    index: int
    label: int
    pixels: Tensor
    """(V, 3, T, H, W) uint8."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BadVideo:
    """One video that could not be read. code and reason are those of its DecodeError; path is the file
    tried."""

    index: int
    path: str
    label: int
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What was read of the next samples. `indices` are positions in the data set; bad videos are in `bad`
    alone."""

    clips: Tensor
    """(B, V, 3, T, H, W) uint8. Where B is 0 the other sizes are 0 too."""
    labels: Tensor
    """(B,) int64."""
    indices: Tensor
    """(B,) int64."""
    bad: tuple[BadVideo, ...]

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

    def __init__(self, samples: Sequence[Sample], load: LoadClip, seed: int) -> None:
        self.samples = samples
        self._load = load
        self._seed = seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> Clip | BadVideo:
        epoch, index = key
        sample = self.samples[index]
        random = np.random.default_rng((self._seed, epoch, index))
        try:
            pixels = self._load(sample.file, random)
        except DecodeError as error:
            return BadVideo(
                index=index, path=error.path, label=sample.label, code=error.code, reason=error.reason
            )
        return Clip(index=index, label=sample.label, pixels=pixels)


def collate(items: Sequence[Clip | BadVideo]) -> Batch:
    """Put what was read into one batch, in the order of the items."""
    clips = [item for item in items if isinstance(item, Clip)]
    return Batch(
        clips=torch.stack([clip.pixels for clip in clips])
        if clips
        else torch.empty((0,) * 6, dtype=torch.uint8),
        labels=torch.tensor([clip.label for clip in clips], dtype=torch.int64),
        indices=torch.tensor([clip.index for clip in clips], dtype=torch.int64),
        bad=tuple(item for item in items if isinstance(item, BadVideo)),
    )
