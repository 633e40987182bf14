"""What a trained model costs: parameters, multiply-adds and seconds for one clip."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from videoswin.model import VideoSwin
from videoswin.model.cost import cost
from videoswin.predict import Predictor
from videoswin.predict.classifier import read_classifier
from videoswin.values import Size3, Views

ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class ModelCost:
    """parameters: trained numbers. multiply_adds: of one clip (the paper's "FLOPs"). seconds: to compute one
    clip on this machine, the median of `ROUNDS`."""

    parameters: int
    multiply_adds: int
    seconds: float


def measure_costs(weights: Sequence[Path], *, device: str = "auto") -> list[ModelCost]:
    """One entry a weights file. Timed in turn, round by round, so that a busy moment meets all alike."""
    # One view: it is the clip that is measured, and uniform sampling has no more.
    classifiers = [read_classifier(path) for path in weights]
    predictors = [
        Predictor(classifier, views=Views(clips=1, crops=1), device=device) for classifier in classifiers
    ]
    clips = [_clip(predictor) for predictor in predictors]
    # The predictor's own model may be another form of the same, see `predict.arithmetic`.
    models = [classifier.model for classifier in classifiers]
    counted = [_multiply_adds(*each) for each in zip(models, predictors, clips, strict=True)]
    for pair in zip(predictors, clips, strict=True):
        _seconds(*pair)  # the first pass is slower
    rounds = [[_seconds(*pair) for pair in zip(predictors, clips, strict=True)] for _ in range(ROUNDS)]
    return [
        ModelCost(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            multiply_adds=multiply_adds,
            seconds=statistics.median(seconds),
        )
        for model, multiply_adds, *seconds in zip(models, counted, *rounds, strict=True)
    ]


def _clip(predictor: Predictor) -> torch.Tensor:
    """(1, 1, 3, T, S, S) uint8 noise."""
    frames, side = predictor.clip.num_frames, predictor.clip.size
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (1, 1, 3, frames, side, side), dtype=torch.uint8, generator=generator)


def _multiply_adds(model: nn.Module, predictor: Predictor, clip: torch.Tensor) -> int:
    """Of a Video Swin as the paper counts, with padding and masked pairs; of a peer what really runs."""
    if isinstance(model, VideoSwin):
        return sum(part.multiply_adds for part in cost(model.config, Size3(*clip.shape[3:])))
    with FlopCounterMode(display=False) as counter:
        predictor.probabilities(clip)
    return int(counter.get_total_flops()) // 2


def _seconds(predictor: Predictor, clip: torch.Tensor) -> float:
    start = time.perf_counter()
    predictor.probabilities(clip).cpu()
    return time.perf_counter() - start
