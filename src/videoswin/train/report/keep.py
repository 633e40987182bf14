"""Writes down what each validation found, for the page at the end of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from videoswin import ranks
from videoswin.data.annotations import Sample
from videoswin.data.dataset import BadVideo, Batch
from videoswin.train.module import Scores
from videoswin.train.report.validation import NAME, Validation, write_validation
from videoswin.values import ClipSpec


class KeepScores(Callback):
    """After each validation the probabilities of all its videos replace those of the one before, in
    validation.safetensors. Of several processes the first writes what all found.

    Raises StorageError.
    """

    def __init__(
        self,
        output: Path,
        *,
        samples: Sequence[Sample],
        labels: Sequence[str],
        clip: ClipSpec,
        is_multi_label: bool = False,
    ) -> None:
        """samples: the validation videos."""
        self.path = output / NAME
        self.samples = samples
        self.labels = tuple(labels)
        self.clip = clip
        self.is_multi_label = is_multi_label
        self.scores: list[Scores] = []
        self.bad: list[BadVideo] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.scores, self.bad = [], []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.bad += batch.bad
        if isinstance(outputs, Scores):
            self.scores.append(outputs)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        own = (
            torch.cat([torch.zeros(0, dtype=torch.int64), *(part.indices for part in self.scores)]),
            torch.cat([torch.zeros(0, len(self.labels)), *(part.probabilities for part in self.scores)]),
            self.bad,
        )
        found = ranks.gather(own)
        self.scores, self.bad = [], []
        if ranks.rank() != 0:
            return
        indices, probabilities = (torch.cat(parts) for parts in list(zip(*found, strict=True))[:2])
        order = indices.argsort()
        validation = Validation(
            epoch=trainer.current_epoch + 1,
            labels=self.labels,
            is_multi_label=self.is_multi_label,
            clip=self.clip,
            samples=self.samples,
            bad=tuple(sorted((video for _, _, bad in found for video in bad), key=lambda video: video.index)),
            indices=indices[order],
            probabilities=probabilities[order],
        )
        write_validation(validation, self.path)
