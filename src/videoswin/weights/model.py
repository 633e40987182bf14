"""From tensors to a model: infer its configuration, check every name and shape, give it a head that fits."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from videoswin.errors import ConfigError, WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec
from videoswin.weights.formats import TABLE, FormatName, count_stages, infer_window

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a weights file holds.

    state_dict: our names, float32. labels: class names in the order of the head, empty if the file has none.
    clip: what the model was trained to see. source_format: how the file named its tensors. notes: where the
    weights
    come from, as written by whoever saved them.
    """

    path: str
    state_dict: dict[str, Tensor]
    config: SwinConfig
    labels: tuple[str, ...] = ()
    clip: ClipSpec = ClipSpec()
    source_format: FormatName = "videoswin"
    notes: dict[str, str] = field(default_factory=dict)


def build(
    weights: Weights,
    *,
    num_classes: int | None = None,
    drop_path_rate: float = 0.0,
    head_dropout: float = 0.0,
    checkpoint_blocks: bool = False,
    attention_backend: str | None = None,
) -> VideoSwin:
    """A model with these weights. With another `num_classes` the head starts anew, which one log line says.

    Raises WeightsError listing every tensor that is missing, left over, of another shape or not finite.
    """
    state_dict = weights.state_dict
    check(state_dict, weights.config, path=weights.path)
    config = weights.config if num_classes is None else replace(weights.config, num_classes=num_classes)
    with torch.device("meta"):
        model = VideoSwin(
            config,
            drop_path_rate=drop_path_rate,
            head_dropout=head_dropout,
            checkpoint_blocks=checkpoint_blocks,
            attention_backend=attention_backend,
        )
    if config.num_classes != weights.config.num_classes:
        log.info(
            "new head: %s has %d classes, %d wanted",
            weights.path,
            weights.config.num_classes,
            config.num_classes,
        )
        width = model.head.in_features
        head = {
            "head.weight": torch.empty(config.num_classes, width).normal_(std=0.01),
            "head.bias": torch.zeros(config.num_classes),
        }
        state_dict = state_dict | head
    # Copies: training must never write into the tensors of a `Weights`, which may be mapped from a file.
    model.load_state_dict(
        {name: tensor.clone() for name, tensor in state_dict.items()}, strict=True, assign=True
    )
    return model


def infer_config(state_dict: Mapping[str, Tensor], *, path: str) -> SwinConfig:
    """The configuration that tensors under our names imply. Raises WeightsError if they imply none."""
    try:
        depths = _depths(state_dict)
        _, in_channels, *patch = state_dict["patch_embed.proj.weight"].shape
        return SwinConfig(
            embed_dim=len(state_dict["patch_embed.proj.weight"]),
            depths=depths,
            num_heads=tuple(state_dict[f"layers.{i}.blocks.0{TABLE}"].shape[1] for i in range(len(depths))),
            window=infer_window(state_dict),
            patch=(patch[0], patch[1], patch[2]),
            patch_norm="patch_embed.norm.weight" in state_dict,
            num_classes=len(state_dict["head.weight"]),
            in_channels=in_channels,
            mlp_ratio=len(state_dict["layers.0.blocks.0.mlp.fc1.bias"])
            / len(state_dict["patch_embed.proj.weight"]),
        )
    except KeyError as error:
        raise WeightsError(f"{path}: not a complete Video Swin: tensor {error} is missing") from error
    except (ConfigError, IndexError, ValueError) as error:
        raise WeightsError(
            f"{path}: tensors of a Video Swin whose shapes do not fit each other: {error}"
        ) from error


def _depths(state_dict: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Blocks of each stage: as many as the stage has first norms."""
    norms = [re.match(r"layers\.(\d+)\.blocks\.\d+\.norm1\.weight", name) for name in state_dict]
    stages = [int(match[1]) for match in norms if match]
    return tuple(stages.count(stage) for stage in range(count_stages(state_dict)))


def check(state_dict: Mapping[str, Tensor], config: SwinConfig, *, path: str) -> None:
    """Raise WeightsError unless names and shapes are exactly those of `config` and every value is finite."""
    with torch.device("meta"):
        expected = VideoSwin(config).state_dict()
    shapes = [
        f"{name} is {tuple(state_dict[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state_dict and state_dict[name].shape != tensor.shape
    ]
    problems = {
        "missing": sorted(expected.keys() - state_dict.keys()),
        "left over": sorted(state_dict.keys() - expected.keys()),
        "of another shape": shapes,
        "not finite": [name for name, tensor in state_dict.items() if not bool(tensor.isfinite().all())],
    }
    lines = [f"{len(names)} {what}: {_some(names)}" for what, names in problems.items() if names]
    if lines:
        raise WeightsError(f"{path}: tensors do not fit the model; " + "; ".join(lines))


def _some(names: list[str], shown: int = 6) -> str:
    return ", ".join(names[:shown]) + (f", ... ({len(names) - shown} more)" if len(names) > shown else "")
