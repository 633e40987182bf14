"""Names of tensors in the 2D Swin formats people have: one two-way table a format, and how to tell them from
3D models and from each other. How 2D tensors become 3D ones is in inflate.py.

Our names are those of the Video Swin that the tensors become, so that a table reads like the 3D ones in
formats.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from videoswin.errors import WeightsError
from videoswin.weights.formats import (
    FORMATS,
    Format,
    FormatName,
    Names,
    count_stages,
    match_names,
    ours_of,
    theirs_of,
)

FlatName = Literal["microsoft", "timm", "huggingface", "huggingface5", "torchvision2d"]

_HEAD = ("head.weight", "head.bias")
_SWIN_V2 = ("logit_scale", "cpb_mlp", "continuous_position_bias_mlp", "relative_coords_table")


@dataclass(frozen=True, kw_only=True, slots=True)
class FlatFormat(Format):
    """query_key_value: the format keeps three matrices, whose names these are; ours stacks them in this
    order."""

    query_key_value: tuple[str, str, str] | None = None


def _microsoft(num_stages: int) -> Names:
    """microsoft/Swin-Transformer, and timm before 0.9."""
    return [
        *_patch_and_blocks(num_stages),
        *_mergings(num_stages, later=0),
        ("norm.", "norm."),
        *_same(_HEAD),
    ]


def _timm(num_stages: int) -> Names:
    """timm since 0.9: the merging belongs to the stage after it."""
    head = [(name, name.replace("head.", "head.fc.")) for name in _HEAD]
    return [*_patch_and_blocks(num_stages), *_mergings(num_stages, later=1), ("norm.", "norm."), *head]


def _patch_and_blocks(num_stages: int) -> Names:
    return _same(("patch_embed.", *(f"layers.{i}.blocks." for i in range(num_stages))))


def _mergings(num_stages: int, *, later: int) -> Names:
    return [(f"layers.{i}.downsample.", f"layers.{i + later}.downsample.") for i in range(num_stages - 1)]


def _same(names: Iterable[str]) -> Names:
    return [(name, name) for name in names]


def _huggingface(num_stages: int) -> Names:
    """transformers' SwinForImageClassification; a SwinModel alone has no `swin.` and no classifier."""
    swin = [
        ("patch_embed.proj.", "embeddings.patch_embeddings.projection."),
        ("patch_embed.norm.", "embeddings.norm."),
        ("layers.", "encoder.layers."),
        ("norm.", "layernorm."),
    ]
    return [*((ours, f"swin.{theirs}") for ours, theirs in swin), *swin, ("head.", "classifier.")]


def _torchvision2d(num_stages: int) -> Names:
    """torchvision swin_t, swin_s, swin_b: patch embedding, stages and mergings alternate in one list."""
    stages = [(f"layers.{i}.blocks.", f"features.{2 * i + 1}.") for i in range(num_stages)]
    mergings = [(f"layers.{i}.downsample.", f"features.{2 * i + 2}.") for i in range(num_stages - 1)]
    patch = [("patch_embed.proj.", "features.0.0."), ("patch_embed.norm.", "features.0.2.")]
    return [*patch, *stages, *mergings, ("norm.", "norm."), *_same(_HEAD)]


FLAT_FORMATS: dict[FlatName, FlatFormat] = {
    "microsoft": FlatFormat(prefixes=_microsoft),
    "timm": FlatFormat(prefixes=_timm),
    # Files on disk, also those that transformers 5 writes.
    "huggingface": FlatFormat(
        prefixes=_huggingface,
        infixes=(
            (".norm1.", ".layernorm_before."),
            (".norm2.", ".layernorm_after."),
            (".attn.proj.", ".attention.output.dense."),
            (".mlp.fc1.", ".intermediate.dense."),
            (".mlp.fc2.", ".output.dense."),
            (".attn.", ".attention.self."),
        ),
        query_key_value=("query", "key", "value"),
    ),
    # state_dict() of a model in transformers 5.
    "huggingface5": FlatFormat(
        prefixes=_huggingface,
        infixes=(
            (".norm1.", ".layernorm_before."),
            (".norm2.", ".layernorm_after."),
            (".attn.proj.", ".attention.o_proj."),
            (
                ".attn.relative_position_",
                ".attention.relative_position_bias.relative_position_",
            ),
            (".attn.", ".attention."),
        ),
        query_key_value=("q_proj", "k_proj", "v_proj"),
    ),
    "torchvision2d": FlatFormat(
        prefixes=_torchvision2d, infixes=((".mlp.fc1.", ".mlp.0."), (".mlp.fc2.", ".mlp.3."))
    ),
}

_PATCH_WEIGHTS = ("patch_embed.proj.weight", "features.0.0.weight", "patch_embeddings.projection.weight")
_TENSOR = re.compile(
    r"(patch_embed\.(proj|norm)|layers\.\d+\.downsample\.(norm|reduction)|norm|head)\.(weight|bias)"
    r"|layers\.\d+\.blocks\.\d+\.(attn\.relative_position_bias_table"
    r"|(norm[12]|attn\.(qkv|query|key|value|proj)|mlp\.fc[12])\.(weight|bias))"
)
_PARTS = (".attn.query.", ".attn.key.", ".attn.value.")


def identify(state_dict: Mapping[str, Tensor]) -> FormatName | FlatName:
    """The format of any Swin, 3D or 2D. What tells them apart is the patch convolution, which a 2D model has
    in two dimensions.

    Raises WeightsError as `recognise` does, and for a Swin V2.
    """
    second = [key for key in state_dict if any(part in key for part in _SWIN_V2)]
    if second:
        raise WeightsError(
            f"a Swin V2 (continuous position bias, norm after the attention): {second[0]} and "
            f"{len(second) - 1} more names; a Video Swin can only be made of a Swin V1"
        )
    if any(key.endswith(_PATCH_WEIGHTS) and tensor.ndim == 4 for key, tensor in state_dict.items()):
        return match_names(state_dict, FLAT_FORMATS, place=_place)
    return match_names(state_dict, FORMATS, place=ours_of)


def from_flat(state_dict: Mapping[str, Tensor], *, source: FlatName) -> dict[str, Tensor]:
    """The 2D tensors under our names, query, key and value joined, without index buffers. The classifier is
    there as `head`.

    Raises WeightsError if one of query, key and value is there without the others.
    """
    table, stages = FLAT_FORMATS[source], count_stages(state_dict)
    kept = {
        str(_place(key, table, stages)): tensor
        for key, tensor in state_dict.items()
        if not key.endswith(table.buffers)
    }
    for key in [key for key in kept if _PARTS[0] in key]:
        try:
            parts = [kept.pop(key.replace(_PARTS[0], part)) for part in _PARTS]
            kept[key.replace(_PARTS[0], ".attn.qkv.")] = torch.cat(parts)
        except KeyError as error:
            raise WeightsError(f"query, key and value belong together; {error} is missing") from error
        except RuntimeError as error:
            shapes = ", ".join(str(tuple(part.shape)) for part in parts)
            raise WeightsError(
                f"query, key and value of {key} have shapes {shapes}; expected equal"
            ) from error
    return kept


def to_flat(state_dict: Mapping[str, Tensor], *, target: FlatName) -> dict[str, Tensor]:
    """The way back: 2D tensors under our names as `target` names them, without buffers."""
    table, stages = FLAT_FORMATS[target], count_stages(state_dict)
    named: dict[str, Tensor] = {}
    for key, tensor in state_dict.items():
        theirs = theirs_of(key, table, stages)
        if table.query_key_value is None or ".qkv." not in theirs:
            named[theirs] = tensor
            continue
        for name, part in zip(table.query_key_value, tensor.chunk(3), strict=True):
            named[theirs.replace(".qkv.", f".{name}.")] = part
    return named


def _place(key: str, table: FlatFormat, num_stages: int) -> str | None:
    """Our name of a foreign key, with `.attn.query.` for whatever the format calls it; None if a Swin has no
    such tensor."""
    ours = ours_of(key, table, num_stages)
    if ours is None:
        return None
    for theirs, part in zip(table.query_key_value or (), _PARTS, strict=False):
        ours = ours.replace(f".attn.{theirs}.", part)
    return ours if key.endswith(table.buffers) or _TENSOR.fullmatch(ours) else None
