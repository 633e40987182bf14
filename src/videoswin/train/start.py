"""The model a run starts from: pretrained weights with a head for the data's classes, or initial values."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace

from torch import nn

from videoswin import weights
from videoswin.errors import ConfigError
from videoswin.model import SWIN_T, SwinConfig, VideoSwin
from videoswin.train.config import TrainConfig
from videoswin.values import ClipSpec
from videoswin.weights import Inflation, Weights

logger = logging.getLogger(__name__)


def read_pretrained(config: TrainConfig) -> Weights | None:
    """The weights the run names, or None, which one line says: nobody trains from scratch by accident.

    Raises WeightsError for a file that can't be used, ConfigError if `config.model` is another architecture
    or `config.inflation` has nothing to inflate.
    """
    if config.weights == "":
        if config.inflation != Inflation():
            raise ConfigError(
                "inflation is set, but there are no weights to inflate; name a 2D Swin in weights"
            )
        logger.info("training from scratch: no pretrained weights named (--weights PATH to fine-tune)")
        multiplier = config.optimizer.backbone_multiplier
        if multiplier != 1:
            logger.info(
                f"  the backbone learns at {multiplier:g} x the head's rate, which is meant for pretrained "
                "weights; from scratch --optimizer.backbone_multiplier 1 is right"
            )
        return None
    pretrained = weights.read(config.weights, inflation=config.inflation)
    if config.model is not None:
        _require_equal(config.model, pretrained)
    return pretrained


def _require_equal(model: SwinConfig, pretrained: Weights) -> None:
    """num_classes may differ: it comes from the data."""
    wanted, found = asdict(model), asdict(pretrained.config)
    differences = [
        f"{name} is {json.dumps(wanted[name])} in model and {json.dumps(found[name])} in weights"
        for name in wanted
        if name != "num_classes" and wanted[name] != found[name]
    ]
    if differences:
        raise ConfigError(
            f"model and weights ({pretrained.path}) disagree: {'; '.join(differences)}; "
            "leave model out to take it from the weights"
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
            checkpoint_blocks=config.checkpoint_blocks,
        )
    model = weights.build(
        pretrained,
        num_classes=len(labels),
        drop_path_rate=config.drop_path_rate,
        head_dropout=config.head_dropout,
        checkpoint_blocks=config.checkpoint_blocks,
    )
    if pretrained.has_head and pretrained.labels == labels:
        logger.info(f"head of {pretrained.path} kept: it names the same {len(labels)} labels as the data")
    elif pretrained.has_head and pretrained.config.num_classes == len(labels):
        # Else `build` has made the new head, and said so.
        logger.info(f"new head: the labels of {pretrained.path} are not those of the data, though as many")
        nn.init.normal_(model.head.weight, std=0.01)
        nn.init.zeros_(model.head.bias)
    return model
