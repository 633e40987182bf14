"""What is measured beside what: sources of a model with the same weights, each in several precisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor, nn

from videoswin.bench.peer_files import mmaction2_model, official_model
from videoswin.bench.peers import our_model, torchvision_model
from videoswin.bench.precisions import PRECISIONS, Arithmetic, Precision, eager, frozen
from videoswin.bench.steps import Mode
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, SwinConfig, VideoSwin
from videoswin.ops import BACKENDS

Form = Literal["eager", "compiled"]
FROZEN = "frozen"
"""Our model as prediction and evaluation make it, beside its attention backends."""
Build = Callable[[SwinConfig, dict[str, Tensor]], nn.Module]


@dataclass(frozen=True, kw_only=True)
class ArmsConfig:
    """Which arms there are, with which weights."""

    variant: str = "swin_t"
    """A published size: swin_t, swin_s, swin_b, swin_l or swin_l_384."""
    device: str = "cpu"
    """cpu or cuda."""
    ours: tuple[str, ...] = ("reference", "boxes", FROZEN)
    """Our model with an attention backend, or `frozen`, what prediction and evaluation make of it."""
    precisions: tuple[Precision, ...] = ("fp32",)
    """The first is what the others of all arms are compared with."""
    forms: tuple[Form, ...] = ("eager",)
    """eager, or compiled, in the first precision alone; frozen has no compiled form."""
    torchvision: str = ""
    """Folder in which torchvision lies; empty leaves the peer out."""
    official: str = ""
    """The official model file, mmaction/models/backbones/swin_transformer.py; empty leaves the peer out."""
    mmaction2: str = ""
    """mmaction2's model file, mmaction/models/backbones/swin.py; empty leaves the peer out."""

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant is {self.variant!r}; allowed: {', '.join(VARIANTS)}")
        for name in self.ours:
            if name not in (*BACKENDS, FROZEN):
                raise ConfigError(f"ours holds {name!r}; allowed: {', '.join((*BACKENDS, FROZEN))}")
        if not (self.ours or _peers(self)):
            raise ConfigError("there is nothing to measure: neither ours nor a peer is given")
        if not self.precisions:
            raise ConfigError(f"precisions are empty; allowed: {', '.join(PRECISIONS)}")
        if not self.forms:
            raise ConfigError("forms are empty; allowed: eager, compiled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One model in one precision."""

    source: str
    form: Form
    precision: Precision
    build: Build
    arithmetic: Arithmetic

    @property
    def name(self) -> str:
        words = (self.source, *([] if self.form == "eager" else [self.form]), self.precision)
        return " ".join(words)


def defaults(device: str) -> ArmsConfig:
    """What is measured on cpu or cuda unless something else is asked for: all that is in use there."""
    if device == "cpu":
        return ArmsConfig()
    # `boxes` cuts up the grid for the caches of a CPU; it counts where a GPU has nothing else.
    fast = tuple(name for name in usable(device) if name not in ("reference", "boxes"))
    return ArmsConfig(
        device=device,
        ours=(*(fast or ("boxes",)), FROZEN),
        precisions=("bf16", "tf32"),
        forms=("eager", "compiled"),
    )


def usable(device: str) -> tuple[str, ...]:
    """The attention backends that run on cpu or cuda."""
    needs_triton = [] if device == "cuda" and find_spec("triton") is not None else ["triton"]
    return tuple(name for name in BACKENDS if name not in needs_triton)


def arms(config: ArmsConfig, mode: Mode) -> list[Arm]:
    """All arms that there are in this mode, peers before ours; the first is what the others are compared
    with."""
    builders = _peers(config)
    for name in config.ours:
        # The frozen form takes whichever attention this device has, as in prediction.
        builders[name] = partial(our_model, None if name == FROZEN else name)
    device = torch.device(config.device)
    tables = {source: (frozen if source == FROZEN else eager)(device) for source in builders}
    return [
        Arm(source=source, form=form, precision=precision, build=build, arithmetic=table[precision])
        for (source, build), table in zip(builders.items(), tables.values(), strict=True)
        for form in config.forms
        for precision in (config.precisions if form == "eager" else config.precisions[:1])
        if precision in table
        and (form, source) != ("compiled", FROZEN)
        and (mode == "inference" or table[precision].autocast is not None)
    ]


def build(config: ArmsConfig, arm: Arm) -> nn.Module:
    """The model of an arm on its device, in eval mode, with the weights that all arms have."""
    architecture = replace(VARIANTS[config.variant], legacy_bias_index=bool(_peers(config)))
    model = arm.build(architecture, initial_weights(config.variant)).to(config.device)
    if arm.form == "compiled":
        from videoswin.bench.compiling import compile_model  # the compiler takes a second to load

        compile_model(model)
    return model


def initial_weights(variant: str) -> dict[str, Tensor]:
    """The same numbers at every call."""
    torch.manual_seed(0)
    return VideoSwin(VARIANTS[variant]).state_dict()


def _peers(config: ArmsConfig) -> dict[str, Build]:
    """Peers that are given. All of them number the tokens of a clamped window in the official way, and so do
    our models beside them (docs/parity.md)."""
    builders = {
        "torchvision": (config.torchvision, torchvision_model),
        "official": (config.official, official_model),
        "mmaction2": (config.mmaction2, mmaction2_model),
    }
    return {name: partial(build, place) for name, (place, build) in builders.items() if place}
