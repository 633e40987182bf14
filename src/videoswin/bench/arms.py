"""What is measured beside what: sources of a model with the same weights, each in several precisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from videoswin.bench.peer_files import mmaction2_model, official_model
from videoswin.bench.peers import our_model, torchvision_model
from videoswin.bench.precisions import EAGER, FROZEN, Arithmetic, Precision
from videoswin.bench.steps import Mode
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, SwinConfig, VideoSwin

Source = Literal["reference", "boxes", "frozen"]
Build = Callable[[SwinConfig, dict[str, Tensor]], nn.Module]


@dataclass(frozen=True, kw_only=True)
class ArmsConfig:
    """Which arms there are, with which weights."""

    variant: str = "swin_t"
    """A published size: swin_t, swin_s, swin_b, swin_l or swin_l_384."""
    ours: tuple[Source, ...] = ("reference", "boxes", "frozen")
    """Our model with an attention backend, or `frozen`, what prediction and evaluation make of it."""
    precisions: tuple[Precision, ...] = ("fp32",)
    """The first is what the others of all arms are compared with."""
    torchvision: str = ""
    """Folder in which torchvision lies; empty leaves the peer out."""
    official: str = ""
    """The official model file, mmaction/models/backbones/swin_transformer.py; empty leaves the peer out."""
    mmaction2: str = ""
    """mmaction2's model file, mmaction/models/backbones/swin.py; empty leaves the peer out."""

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant is {self.variant!r}; allowed: {', '.join(VARIANTS)}")
        if not (self.ours or _peers(self)):
            raise ConfigError("there is nothing to measure: neither ours nor a peer is given")
        if not self.precisions:
            raise ConfigError(f"precisions are empty; allowed: {', '.join(FROZEN)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One model in one precision."""

    source: str
    precision: Precision
    build: Build
    arithmetic: Arithmetic

    @property
    def name(self) -> str:
        return f"{self.source} {self.precision}"


def arms(config: ArmsConfig, mode: Mode) -> list[Arm]:
    """All arms that there are in this mode, peers before ours; the first is what the others are compared
    with."""
    builders = _peers(config)
    builders.update((name, _OURS[name]) for name in config.ours)
    return [
        Arm(source=source, precision=precision, build=build, arithmetic=table[precision])
        for source, build in builders.items()
        for table in (FROZEN if source == "frozen" else EAGER,)
        for precision in config.precisions
        if precision in table and (mode == "inference" or table[precision].autocast is not None)
    ]


def build(config: ArmsConfig, arm: Arm) -> nn.Module:
    """The model of an arm, in eval mode, with the weights that all arms have."""
    architecture = replace(VARIANTS[config.variant], legacy_bias_index=bool(_peers(config)))
    return arm.build(architecture, initial_weights(config.variant))


def initial_weights(variant: str) -> dict[str, Tensor]:
    """The same numbers at every call."""
    torch.manual_seed(0)
    return VideoSwin(VARIANTS[variant]).state_dict()


_OURS: dict[Source, Build] = {
    "reference": partial(our_model, "reference"),
    "boxes": partial(our_model, "boxes"),
    "frozen": partial(our_model, "boxes"),
}


def _peers(config: ArmsConfig) -> dict[str, Build]:
    """Peers that are given. All of them number the tokens of a clamped window in the official way, and so do
    our models beside them (docs/parity.md)."""
    builders = {
        "torchvision": (config.torchvision, torchvision_model),
        "official": (config.official, official_model),
        "mmaction2": (config.mmaction2, mmaction2_model),
    }
    return {name: partial(build, place) for name, (place, build) in builders.items() if place}
