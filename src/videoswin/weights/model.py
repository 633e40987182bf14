"""From tensors to a model: check every name and shape, give it a head that fits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from videoswin.errors import WeightsError, printable
from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.options import Recompute, Residual
from videoswin.values import ClipSpec
from videoswin.weights.flat import FlatName
from videoswin.weights.formats import FormatName

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a weights file holds.

    state_dict: our names, float32. labels: class names in the order of the head, empty if the file has none.
    clip: what the model was trained to see. source_format: how the file named its tensors. notes: where the
    weights come from, as written by whoever saved them. has_head: False if the tensors lack the classifier,
    as those of a 2D Swin do; config.num_classes then means nothing. steps: what reading changed, a line each.
    """

    path: str
    state_dict: dict[str, Tensor]
    config: SwinConfig
    labels: tuple[str, ...] = ()
    clip: ClipSpec = ClipSpec()
    source_format: FormatName | FlatName = "videoswin"
    notes: dict[str, str] = field(default_factory=dict)
    has_head: bool = True
    steps: tuple[str, ...] = ()


def build(
    weights: Weights,
    *,
    num_classes: int | None = None,
    drop_path_rate: float = 0.0,
    head_dropout: float = 0.0,
    recompute_stages: int = 0,
    recompute: Recompute = "blocks",
    residual: Residual = "fp32",
    skip_dropped: bool = False,
    attention_backend: str | None = None,
) -> VideoSwin:
    """A model with these weights, run as VideoSwin's arguments of the same names say. With another
    `num_classes`, or without a head in the weights, the head starts anew, which one log line says.

    Raises WeightsError listing every tensor that is missing, left over, of another shape or not finite; also
    for weights without a head if `num_classes` is not given.
    """
    state_dict = weights.state_dict
    if not weights.has_head and num_classes is None:
        raise WeightsError(
            f"{weights.path}: a 2D Swin has no classifier of videos; give num_classes for a new head"
        )
    check(state_dict, weights.config, path=weights.path, has_head=weights.has_head)
    config = weights.config if num_classes is None else replace(weights.config, num_classes=num_classes)
    with torch.device("meta"):
        model = VideoSwin(
            config,
            drop_path_rate=drop_path_rate,
            head_dropout=head_dropout,
            recompute_stages=recompute_stages,
            recompute=recompute,
            residual=residual,
            skip_dropped=skip_dropped,
            attention_backend=attention_backend,
        )
    if config.num_classes != weights.config.num_classes or not weights.has_head:
        state_dict = state_dict | _new_head(weights, config.num_classes, model.head.in_features)
    # Copies: training must never write into the tensors of a `Weights`, which may be mapped from a file.
    model.load_state_dict(
        {name: tensor.clone() for name, tensor in state_dict.items()}, strict=True, assign=True
    )
    return model


def _new_head(weights: Weights, num_classes: int, width: int) -> dict[str, Tensor]:
    had = f"{weights.config.num_classes} classes" if weights.has_head else "none for videos"
    log.info("new head: %s has %s, %d wanted", weights.path, had, num_classes)
    return {
        "head.weight": torch.empty(num_classes, width).normal_(std=0.01),
        "head.bias": torch.zeros(num_classes),
    }


def check(state_dict: Mapping[str, Tensor], config: SwinConfig, *, path: str, has_head: bool = True) -> None:
    """Raise WeightsError unless names and shapes are exactly those of `config` and every value is finite."""
    try:
        problems = find_problems(state_dict, config, has_head=has_head)
    except WeightsError as error:
        raise WeightsError(f"{printable(path)}: {error}") from error
    lines = [f"{len(names)} {what}: {_some(names)}" for what, names in problems.items() if names]
    if lines:
        raise WeightsError(f"{printable(path)}: tensors do not fit the model; " + "; ".join(lines))


def find_problems(
    state_dict: Mapping[str, Tensor], config: SwinConfig, *, has_head: bool
) -> dict[str, list[str]]:
    """Tensors that are missing, left over, of another shape or not finite. Raises WeightsError for a
    configuration that is no match for the tensors at all."""
    expected = expected_tensors(config, num_tensors=len(state_dict))
    if not has_head:
        expected = {name: tensor for name, tensor in expected.items() if not name.startswith("head.")}
    shapes = [
        f"{name} is {tuple(state_dict[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state_dict and state_dict[name].shape != tensor.shape
    ]
    return {
        "missing": sorted(expected.keys() - state_dict.keys()),
        "left over": sorted(state_dict.keys() - expected.keys()),
        "of another shape": shapes,
        "not finite": [name for name, tensor in state_dict.items() if not bool(tensor.isfinite().all())],
    }


def expected_tensors(config: SwinConfig, *, num_tensors: int) -> dict[str, Tensor]:
    """The tensors of a model by name, without memory. A header can claim any size, so it is held against the
    number of tensors first."""
    if sum(config.depths) > num_tensors:
        raise WeightsError(f"{sum(config.depths)} blocks in the header, {num_tensors} tensors in the file")
    try:
        with torch.device("meta"):
            return dict(VideoSwin(config).state_dict())
    except (RuntimeError, OverflowError, TypeError, ValueError) as error:
        raise WeightsError(f"no model can be made of the header: {str(error).splitlines()[0]}") from error


def _some(names: list[str], shown: int = 6) -> str:
    return ", ".join(printable(name)[:120] for name in names[:shown]) + (
        f", ... ({len(names) - shown} more)" if len(names) > shown else ""
    )
