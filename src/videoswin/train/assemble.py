"""The module of a run: its model with what the configuration asks of training put on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor, nn

from videoswin.data.annotations import Sample
from videoswin.errors import ConfigError
from videoswin.model import VideoSwin
from videoswin.model.compiling import compile_blocks
from videoswin.train.config import TrainConfig
from videoswin.train.freezing import freeze_stages
from videoswin.train.losses import Loss, OneClass, SeveralClasses, balanced_weights
from videoswin.train.module import TrainModule
from videoswin.train.nonfinite import NonFiniteGuard
from videoswin.values import ClipSpec


def assemble(
    config: TrainConfig,
    model: nn.Module,
    *,
    samples: Sequence[Sample],
    num_classes: int,
    is_multi_label: bool,
    clip: ClipSpec,
    factor: Callable[[int], float],
    micro_batch: int,
    folder: Path,
) -> TrainModule:
    """samples: the training videos; factor and micro_batch: see TrainModule; folder: of the run.

    Freezes and compiles what the run asks for. Raises ConfigError for more frozen stages than there are, and
    for smoothed labels where a video has several classes.
    """
    if isinstance(model, VideoSwin):
        freeze_stages(model, config.freeze_stages)
    if config.compile_blocks:
        compile_blocks(model)
    weights = None
    if config.class_weights == "balanced":
        weights = balanced_weights(samples, num_classes=num_classes, is_multi_label=is_multi_label)
    return TrainModule(
        model,
        optimizer=config.optimizer,
        factor=factor,
        micro_batch=micro_batch,
        clip=clip,
        loss=build_loss(config, weights, is_multi_label=is_multi_label),
        guard=NonFiniteGuard(
            samples,
            folder=folder,
            seed=config.seed,
            policy=config.on_nonfinite,
            max_skipped=config.max_skipped,
            has_scaler=config.precision == "fp16",
        ),
        ema_decay=config.ema_decay,
    )


def build_loss(config: TrainConfig, weights: Tensor | None, *, is_multi_label: bool) -> Loss:
    """Raises ConfigError for smoothed labels where a video has several classes."""
    if not is_multi_label:
        return OneClass(label_smoothing=config.label_smoothing, weights=weights)
    if config.label_smoothing:
        raise ConfigError(
            f"label_smoothing is {config.label_smoothing:g}, allowed where videos have several classes: 0"
        )
    return SeveralClasses(weights=weights)
