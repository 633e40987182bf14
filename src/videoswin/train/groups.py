"""Which parameters learn how fast and which are decayed: the two presets, as one table.

The published weights were trained with `official`: in the code that made them a longer key hid a shorter one,
so the bias tables learned at the full rate and the LayerNorms of the backbone were decayed. `clean` does what
that code's configuration says, as later re-implementations do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypedDict

from torch.nn import Parameter

from videoswin.train.config import Preset

Kind = Literal["tables", "norms", "backbone", "head"]


class Rule(NamedTuple):
    """is_scaled: learns at backbone_multiplier x the learning rate. is_decayed: weight decay applies."""

    is_scaled: bool
    is_decayed: bool


PRESETS: dict[Preset, dict[Kind, Rule]] = {
    "official": {
        "tables": Rule(is_scaled=False, is_decayed=False),
        "norms": Rule(is_scaled=True, is_decayed=True),
        "backbone": Rule(is_scaled=True, is_decayed=True),
        "head": Rule(is_scaled=False, is_decayed=True),
    },
    "clean": {
        "tables": Rule(is_scaled=True, is_decayed=False),
        "norms": Rule(is_scaled=True, is_decayed=False),
        "backbone": Rule(is_scaled=True, is_decayed=True),
        "head": Rule(is_scaled=False, is_decayed=True),
    },
}


class Group(TypedDict):
    """One parameter group as torch.optim takes it; `name` is for logs."""

    name: Kind
    params: list[Parameter]
    lr: float
    weight_decay: float


def parameter_groups(
    named_parameters: Iterable[tuple[str, Parameter]],
    *,
    preset: Preset,
    learning_rate: float,
    backbone_multiplier: float,
    weight_decay: float,
) -> list[Group]:
    """Groups in the order of the preset's table, without empty ones. Frozen parameters are in none."""
    members: dict[Kind, list[Parameter]] = {kind: [] for kind in PRESETS[preset]}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            members[kind_of(name)].append(parameter)
    return [
        Group(
            name=kind,
            params=members[kind],
            lr=learning_rate * (backbone_multiplier if rule.is_scaled else 1.0),
            weight_decay=weight_decay if rule.is_decayed else 0.0,
        )
        for kind, rule in PRESETS[preset].items()
        if members[kind]
    ]


def kind_of(name: str) -> Kind:
    """The kind of a parameter of VideoSwin by its name: `layers.0.blocks.1.norm1.weight` is one of the
    norms."""
    parts = name.split(".")
    if parts[-1] == "relative_position_bias_table":
        return "tables"
    if parts[0] == "head":
        return "head"
    # A gate is one number with a start of its own, as a norm's weight is: decay would pull time out again.
    if parts[-1] == "gate" or any(part.startswith("norm") for part in parts):
        return "norms"
    return "backbone"
