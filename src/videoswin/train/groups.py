"""Which parameters learn how fast and which are decayed: the two presets, as one table.

The published weights were trained with `official`: in the code that made them a longer key hid a shorter one,
so the bias tables learned at the full rate and the LayerNorms of the backbone were decayed. `clean` does what
that code's configuration says, as later re-implementations do.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Literal, NamedTuple, TypedDict

from torch import nn
from torch.nn import Parameter

from videoswin.model.blocks import PatchEmbedding, PatchMerging, SwinBlock
from videoswin.train.optimizer_config import Preset

Kind = Literal["tables", "norms", "backbone", "head"]


NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
TABLES = {
    "relative_position_bias_table",
    *("rel_pos_h", "rel_pos_w", "rel_pos_t", "class_token", "spatial_pos", "temporal_pos"),  # MViT
    *("position_embeddings", "time_embeddings", "cls_token"),  # TimeSformer, ViViT
}
"""Last parts of the names of learnt positions, of Video Swin and of peers."""


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
    """One parameter group as torch.optim takes it; `name` is for logs: the kind, with layer decay also the
    depth, as in `norms.3`."""

    name: str
    params: list[Parameter]
    lr: float
    weight_decay: float


def parameter_groups(
    model: nn.Module,
    *,
    preset: Preset,
    learning_rate: float,
    backbone_multiplier: float,
    weight_decay: float,
    layer_decay: float = 1.0,
) -> list[Group]:
    """Groups in the order of the preset's table, then from the top to the patches; without empty ones.
    Frozen parameters are in none.

    layer_decay: factor of the learning rate from each block to the one below; other than 1 only for a
    VideoSwin.
    """
    depths = block_depths(model) if layer_decay != 1 else {}
    top = max(depths.values(), default=0)
    norms = norm_names(model)
    members: dict[tuple[Kind, int], list[Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (kind_of(name, norms=norms), top - depths.get(name, top))
            members.setdefault(key, []).append(parameter)
    kinds = list(PRESETS[preset])
    groups = []
    for kind, below in sorted(members, key=lambda key: (kinds.index(key[0]), key[1])):
        rule = PRESETS[preset][kind]
        factor = (backbone_multiplier if rule.is_scaled else 1.0) * layer_decay**below
        groups.append(
            Group(
                name=f"{kind}.{top - below}" if depths else kind,
                params=members[kind, below],
                lr=learning_rate * factor,
                weight_decay=weight_decay if rule.is_decayed else 0.0,
            )
        )
    return groups


def block_depths(model: nn.Module) -> dict[str, int]:
    """The depth of each parameter of a VideoSwin: 0 in the patch embedding, i in block i, from 1, through
    all stages; a merging is as deep as the block before it, the last norm and the head one deeper than all
    blocks."""
    depths, depth = {}, 0
    for name, module in model.named_modules():
        if isinstance(module, SwinBlock):
            depth += 1
        if isinstance(module, (SwinBlock, PatchEmbedding, PatchMerging)):
            depths.update({f"{name}.{part}": depth for part, _ in module.named_parameters()})
    return {name: depths.get(name, depth + 1) for name, _ in model.named_parameters()}


def norm_names(model: nn.Module) -> frozenset[str]:
    """Names of the parameters of normalisation layers."""
    return frozenset(
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        if isinstance(module, NORMS)
        for name, _ in module.named_parameters(recurse=False)
    )


def kind_of(name: str, *, norms: Set[str]) -> Kind:
    """The kind of a parameter by its name: `layers.0.blocks.1.norm1.weight` is one of the `norms`."""
    parts = name.split(".")
    if parts[0] == "head":
        return "head"
    if parts[-1] in TABLES:
        return "tables"
    # A gate is one number with a start of its own, as a norm's weight is: decay would pull time out again.
    return "norms" if name in norms or parts[-1] == "gate" else "backbone"
