"""Pretrained weights for another design (Sec. 4.3): any of them can start from a joint or a 2D model."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace

from torch import Tensor

from videoswin.errors import ConfigError, WeightsError, printable
from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.config import Design
from videoswin.weights.model import Weights, expected_tensors
from videoswin.weights.temporal import resize_tables

log = logging.getLogger(__name__)

_FREE = ("num_classes", "design", "shift", "temporal_bias", "legacy_bias_index")
"""Fields in which a model may differ from the weights it starts from. num_classes comes from the data."""

_NEW: dict[Design, str] = {
    "split": "temporal layers on top (initial values)",
    "factorized": "temporal attention (gate 0: starts as the spatial network)",
}


def redesign(weights: Weights, config: SwinConfig) -> Weights:
    """The same weights for the design, shift, temporal bias and bias index of `config`.

    Bias tables of blocks that attend to space only keep offset 0 in time. New temporal parts get the initial
    values of a new model, from torch's global generator. The number of classes stays that of the weights.
    One log line says what changed, if anything did.

    Raises ConfigError for a model that differs in anything else, also in the window (`read` changes it);
    WeightsError if trained temporal parts would be lost.
    """
    _require_same_network(weights, config)
    config = replace(config, num_classes=weights.config.num_classes)
    if config == weights.config:
        return weights
    _require_nothing_lost(weights, config)
    state_dict, cut = resize_tables(weights.state_dict, weights.config, config, offsets="keep")
    new = _new_tensors(weights, config)
    steps = [
        f"{name} {getattr(weights.config, name)} to {getattr(config, name)}"
        for name in _FREE
        if getattr(weights.config, name) != getattr(config, name)
    ]
    if cut:
        steps.append(f"{cut} bias tables cut to offset 0 in time")
    if new:
        steps.append(f"{len(new)} tensors are new: {_what(weights.config, config)}")
    log.info("%s: %s", printable(weights.path), "; ".join(steps))
    return replace(weights, state_dict={**state_dict, **new}, config=config, steps=(*weights.steps, *steps))


def _require_same_network(weights: Weights, config: SwinConfig) -> None:
    wanted, found = asdict(config), asdict(weights.config)
    differences = [
        f"{name} is {json.dumps(wanted[name])} in model and {json.dumps(found[name])} in weights"
        for name in wanted
        if name not in _FREE and wanted[name] != found[name]
    ]
    if differences:
        raise ConfigError(
            f"model and weights ({weights.path}) disagree: {'; '.join(differences)}; leave model out to take "
            "it from the weights (a model that is named has the values of Swin-T where it names none)"
        )


def _require_nothing_lost(weights: Weights, config: SwinConfig) -> None:
    lost = sorted(_names(weights, weights.config) - _names(weights, config))
    if lost:
        raise WeightsError(
            f"{printable(weights.path)}: {_described(weights.config)} can't become {_described(config)}: "
            f"{len(lost)} trained tensors would be lost ({lost[0]} ...); start from a joint or a 2D model"
        )


def _described(config: SwinConfig) -> str:
    return f"a {config.design} model" + (" with temporal bias" if config.temporal_bias else "")


def _new_tensors(weights: Weights, config: SwinConfig) -> dict[str, Tensor]:
    """Initial values of the tensors that only the new configuration has. Tensors that are missing from the
    file stay missing, for `build` to complain about."""
    added = _names(weights, config) - _names(weights, weights.config)
    if not added:
        return {}
    fresh = VideoSwin(config).state_dict()
    return {name: fresh[name] for name in fresh if name in added}


def _names(weights: Weights, config: SwinConfig) -> set[str]:
    return set(expected_tensors(config, num_tensors=len(weights.state_dict)))


def _what(old: SwinConfig, new: SwinConfig) -> str:
    return _NEW[new.design] if new.design != old.design else "bias tables in time (initial values)"
