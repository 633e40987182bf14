"""The model a run starts from: pretrained weights with a head for the data's classes, or initial values."""

from __future__ import annotations

import logging
from dataclasses import replace

from torch import nn

from videoswin import weights
from videoswin.errors import ConfigError
from videoswin.model import SWIN_T, SwinConfig, VideoSwin
from videoswin.train.config import TrainConfig
from videoswin.values import ClipSpec, Size3
from videoswin.weights import Inflation, Weights

logger = logging.getLogger(__name__)


def read_pretrained(config: TrainConfig) -> Weights | None:
    """The weights the run names, or None, which one line says: nobody trains from scratch by accident.

    With `config.model` they get its window, design, shift and bias settings.

    Raises WeightsError for a file that can't be used, ConfigError if `config.model` differs in anything else,
    contradicts `config.inflation`, or if that has nothing to inflate.
    """
    if config.weights == "":
        if config.inflation != Inflation():
            raise ConfigError(
                "inflation is set, but there are no weights to inflate; name a 2D Swin in weights"
            )
        say_from_scratch(config)
        return None
    if config.model is None:
        return weights.read(config.weights, inflation=config.inflation)
    window = Size3(*config.model.window)
    pretrained = weights.read(config.weights, inflation=config.inflation, window=window)
    if not pretrained.has_head:
        _require_one_inflation(config, config.model, found=pretrained.config)
    return weights.redesign(pretrained, config.model)


def say_from_scratch(config: TrainConfig) -> None:
    """One line, and another if the learning rates are meant for pretrained weights."""
    logger.info("training from scratch: no pretrained weights named (--weights PATH to fine-tune)")
    multiplier = config.optimizer.backbone_multiplier
    if multiplier != 1:
        logger.info(
            f"  the backbone learns at {multiplier:g} x the head's rate, which is meant for pretrained "
            "weights; from scratch --optimizer.backbone_multiplier 1 is right"
        )


def _require_one_inflation(config: TrainConfig, model: SwinConfig, *, found: SwinConfig) -> None:
    """`model` and `inflation` both name the frames of a patch and of the window of an inflated 2D Swin."""
    name, frames, temporal_window = config.weights, found.patch[0], config.inflation.temporal_window
    if model.patch[0] != frames:
        raise ConfigError(
            f"model.patch is {list(model.patch)}, but {name} is inflated to patches of {frames} frames; set "
            f"inflation.temporal_patch to {model.patch[0]} (or model.patch to {list(found.patch)})"
        )
    if temporal_window not in (Inflation.temporal_window, model.window[0]):
        raise ConfigError(
            f"inflation.temporal_window is {temporal_window}, but model.window is {list(model.window)}; "
            "leave inflation.temporal_window out, the window of a named model counts"
        )


def choose_clip(config: TrainConfig, pretrained: Weights | None) -> ClipSpec:
    """What the run names, else what the weights were trained on, else the paper's (ClipSpec's defaults)."""
    if config.clip is not None:
        return config.clip
    return pretrained.clip if pretrained is not None else ClipSpec()


def build_model(config: TrainConfig, pretrained: Weights | None, *, labels: tuple[str, ...]) -> VideoSwin:
    """The model with one class a label. A pretrained head stays only if the weights have these labels."""
    if pretrained is None:
        return VideoSwin(
            replace(config.model or SWIN_T, num_classes=len(labels)),
            drop_path_rate=config.drop_path_rate,
            head_dropout=config.head_dropout,
            recompute_stages=config.recompute_stages,
            recompute=config.recompute,
            residual=config.residual,
            skip_dropped=config.skip_dropped,
        )
    model = weights.build(
        pretrained,
        num_classes=len(labels),
        drop_path_rate=config.drop_path_rate,
        head_dropout=config.head_dropout,
        recompute_stages=config.recompute_stages,
        recompute=config.recompute,
        residual=config.residual,
        skip_dropped=config.skip_dropped,
    )
    if pretrained.has_head and pretrained.labels == labels:
        logger.info(f"head of {pretrained.path} kept: it names the same {len(labels)} labels as the data")
    elif pretrained.has_head and pretrained.config.num_classes == len(labels):
        # Else `build` has made the new head, and said so.
        logger.info(f"new head: the labels of {pretrained.path} are not those of the data, though as many")
        nn.init.normal_(model.head.weight, std=0.01)
        nn.init.zeros_(model.head.bias)
    return model
