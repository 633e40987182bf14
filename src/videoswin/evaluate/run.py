"""Evaluate weights on labelled videos: every listed video exactly once, unreadable ones counted as wrong.

Several processes of one job (`evaluate.job`) share the videos: all call `evaluate` and get the whole Report,
which is the same for any number of them and any batch size. It prints nothing and writes no file: the caller
follows the progress and keeps the Report.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from videoswin import ranks
from videoswin.data.annotations import Annotations, Sample, read_annotations
from videoswin.data.clips import test_views
from videoswin.data.dataset import BadVideo, Batch, ClipDataset, Look
from videoswin.data.fingerprint import fingerprint
from videoswin.data.loader import eval_loader
from videoswin.errors import AnnotationError, ConfigError, DatasetError, DecodeError
from videoswin.evaluate.job import gather, together
from videoswin.evaluate.report import Report, measure_samples
from videoswin.predict import Precision, Predictor, Speed
from videoswin.predict.classifier import Classifier, read_classifier
from videoswin.predict.peer_weights import read_published
from videoswin.values import ClipSpec, Views

Progress = Callable[[int, int], None]
"""Called with (videos done, videos listed); the first call has 0 done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """How to evaluate. `views`, `precision` and `root` decide the numbers; the rest is speed and memory."""

    views: Views = field(default_factory=Views)
    """Views of a video; the paper has 4x3 on Kinetics, 1x3 on Something-Something (Sec. 4.1)."""
    peer: str = ""
    """The peer whose published weights these are: a state dict of torchvision or a folder of transformers.
    Weights trained here say it themselves."""
    root: str = ""
    """Folder that relative paths of a list start from; empty: the folder of the list."""
    multi_label: bool = False
    """Rows of the same video are its classes. Several in one row, `run|jump`, are understood without it."""
    batch_size: int = 1
    """Videos that are loaded at once. The model gets each for itself: the numbers don't depend on it."""
    num_workers: int = 2
    """Processes that decode; 0 decodes in the main process."""
    device: str = "auto"
    """As torch names it, or `auto`: CUDA if there is any, else the CPU."""
    precision: Precision = "fp32"
    """How the model computes."""
    views_per_pass: int = 4
    """Views the model gets at once; bounds the memory (official: 4 for Swin-T, -S and -B on Kinetics)."""

    speed: Speed = field(default_factory=Speed)
    """What makes the model faster on a GPU."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is {self.batch_size}; allowed: 1 or more")
        if self.num_workers < 0:
            raise ConfigError(f"num_workers is {self.num_workers}; allowed: 0 or more")


def evaluate(
    weights: str | os.PathLike[str],
    source: str | os.PathLike[str],
    config: EvaluateConfig = EvaluateConfig(),
    *,
    progress: Progress = lambda done, listed: None,
) -> Report:
    """Measure `weights` on the videos of `source` (a folder per class, a text list or a CSV).

    Label names of the data are matched with those saved in the weights. Raises WeightsError, ConfigError or
    AnnotationError before the first video is read, and DatasetError when none could be.
    """
    with together():
        loaded = read_published(config.peer, weights) if config.peer else read_classifier(weights)
        annotations = _read_annotations(source, config, loaded)
        predictor = Predictor(
            loaded,
            views=config.views,
            device=config.device,
            precision=config.precision,
            views_per_pass=config.views_per_pass,
            speed=config.speed,
            activation="sigmoid" if annotations.is_multi_label else "softmax",
        )
    _require_same_everywhere(annotations)
    probabilities = torch.zeros(len(annotations.samples), loaded.num_classes)  # (N, K)
    is_read, bad = _fill(probabilities, _parts(annotations, predictor, config), progress)
    if not is_read.any():
        raise DatasetError(f"{annotations.source}: none of {len(bad)} videos could be read; {_first(bad)}")
    is_multi_label = annotations.is_multi_label
    return Report(
        weights=os.fspath(weights),
        source=annotations.source,
        views=config.views,
        clip=loaded.clip,
        precision=config.precision,
        labels=annotations.labels,
        samples=annotations.samples,
        probabilities=probabilities,
        bad=bad,
        metrics=measure_samples(annotations.samples, probabilities, is_read, is_multi_label=is_multi_label),
    )


def _first(bad: Sequence[BadVideo]) -> str:
    return f"the first: {DecodeError(bad[0].path, bad[0].code, bad[0].reason)}"


def _require_same_everywhere(annotations: Annotations) -> None:
    """Raise AnnotationError if the processes of the job, on machines of their own, read other lists."""
    if len(set(gather(fingerprint(annotations.samples, annotations.labels)))) > 1:
        raise AnnotationError(f"{annotations.source}: the processes of the job read different lists")


def _read_annotations(
    source: str | os.PathLike[str], config: EvaluateConfig, weights: Classifier
) -> Annotations:
    """The labelled videos, their labels numbered and named as in the weights.

    Weights without names take those of the data: either class numbers, or as many names as there are classes.
    """
    annotations = read_annotations(
        source, root=config.root or None, labels=weights.labels, multi_label=config.multi_label
    )
    num_classes = weights.num_classes
    numbers = tuple(str(number) for number in range(num_classes))
    num_labels = len(annotations.labels)
    if num_labels < num_classes and annotations.labels == numbers[:num_labels]:
        return replace(annotations, labels=numbers)
    if num_labels != num_classes:
        raise AnnotationError(
            f"{annotations.source}: {num_labels} classes, but the weights have {num_classes} without names; "
            f"allowed: exactly {num_classes} classes, or class numbers below {num_classes}"
        )
    return annotations


class _Part(NamedTuple):
    """What one process found out about its next videos."""

    indices: Tensor
    """(B,) int64, positions in the list."""
    probabilities: Tensor
    """(B, K) float32."""
    bad: tuple[BadVideo, ...]


def _parts(annotations: Annotations, predictor: Predictor, config: EvaluateConfig) -> Iterator[_Part]:
    """The results of all processes, which take as many turns as the one with the most videos: an error on
    one is known to all after a turn, and nobody waits longer than a turn takes."""
    load = functools.partial(_load, clip=predictor.clip, views=predictor.views)
    batches: Iterator[Batch] = iter(
        eval_loader(
            ClipDataset(annotations.samples, load, seed=0),
            batch_size=config.batch_size,
            num_workers=config.num_workers,
            rank=ranks.rank(),
            world_size=ranks.world_size(),
            pin_memory=predictor.device.type == "cuda",
        )
    )
    most_videos = math.ceil(len(annotations.samples) / ranks.world_size())
    for _ in range(math.ceil(most_videos / config.batch_size)):
        part: _Part | None = None
        with together():
            batch = next(batches, None)
            part = None if batch is None else _judge(batch, predictor)
        yield from (found for found in gather(part) if found is not None)


def _judge(batch: Batch, predictor: Predictor) -> _Part:
    if len(batch) == 0:
        return _Part(batch.indices, torch.empty(0, len(predictor.labels)), batch.bad)
    return _Part(batch.indices, predictor.probabilities(batch.clips).cpu(), batch.bad)


def _load(sample: Sample, random: np.random.Generator, *, clip: ClipSpec, views: Views) -> Look:
    """(V, 3, T, H, W) uint8; nothing in test views is random."""
    return Look(test_views(sample.file, clip, views, segment=sample.segment))


def _fill(
    probabilities: Tensor, parts: Iterable[_Part], progress: Progress
) -> tuple[Tensor, tuple[BadVideo, ...]]:
    """Write the row of each video into `probabilities` (N, K).

    Returns which videos were read, (N,) bool, and the others in listed order.
    """
    num_listed = len(probabilities)
    is_read = torch.zeros(num_listed, dtype=torch.bool)
    bad: dict[int, BadVideo] = {}
    progress(0, num_listed)
    for part in parts:
        assert not is_read[part.indices].any(), "a video came twice"
        probabilities[part.indices] = part.probabilities
        is_read[part.indices] = True
        bad |= {video.index: video for video in part.bad}
        progress(int(is_read.sum()) + len(bad), num_listed)
    assert int(is_read.sum()) + len(bad) == num_listed, "a video was left out"
    return is_read, tuple(bad[index] for index in sorted(bad))
