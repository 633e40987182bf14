"""Names of tensors in the 3D formats people have: one two-way table a format, and how to tell them apart.

Ours are the official names without `backbone.`, and `head` for the classifier. Shapes are equal in all
formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor

from videoswin.errors import WeightsError
from videoswin.model.config import Design
from videoswin.ops.windows import relative_position_index
from videoswin.values import Size3

TABLE = ".attn.relative_position_bias_table"
TOP, GATED = "temporal.", ".temporal."
"""In our names: the layers on top of a split model; the second attention in a block of a factorized one."""
MAX_STAGES = 16
"""A stage halves height and width. The names of a hostile file could ask for billions."""

FormatName = Literal["videoswin", "official", "mmaction2", "torchvision"]
Names = list[tuple[str, str]]
AnyName = TypeVar("AnyName", bound=str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """prefixes: (ours, theirs) for a model of so many stages; every key starts with one (of several the first
    counts). infixes: parts that are named otherwise further on. buffers: endings of keys that follow from the
    configuration; the first is the relative position index, which the format stores."""

    prefixes: Callable[[int], Names]
    infixes: tuple[tuple[str, str], ...] = ()
    buffers: tuple[str, ...] = (".relative_position_index", ".attn_mask")


AnyFormat = TypeVar("AnyFormat", bound=Format)


def _videoswin(num_stages: int) -> Names:
    return [(name, name) for name in ("patch_embed.", "layers.", TOP, "norm.", "head.")]


def _official(num_stages: int) -> Names:
    """SwinTransformer/Video-Swin-Transformer, mmaction 0.x."""
    backbone = [(name, f"backbone.{name}") for name in ("patch_embed.", "layers.", "norm.")]
    return [*backbone, ("head.", "cls_head.fc_cls.")]


def _mmaction2(num_stages: int) -> Names:
    """mmaction2 1.x: the last norm carries the number of its stage."""
    backbone = [(name, f"backbone.{name}") for name in ("patch_embed.", "layers.")]
    return [*backbone, ("norm.", f"backbone.norm{num_stages - 1}."), ("head.", "cls_head.fc_cls.")]


def _torchvision(num_stages: int) -> Names:
    """torchvision swin3d: stages and mergings alternate in one list."""
    stages = [(f"layers.{i}.blocks.", f"features.{2 * i}.") for i in range(num_stages)]
    mergings = [(f"layers.{i}.downsample.", f"features.{2 * i + 1}.") for i in range(num_stages - 1)]
    return [("patch_embed.", "patch_embed."), *stages, *mergings, ("norm.", "norm."), ("head.", "head.")]


FORMATS: dict[FormatName, Format] = {
    "videoswin": Format(prefixes=_videoswin, buffers=()),
    "official": Format(prefixes=_official),
    "mmaction2": Format(prefixes=_mmaction2),
    "torchvision": Format(
        prefixes=_torchvision, infixes=((".mlp.fc1.", ".mlp.0."), (".mlp.fc2.", ".mlp.3."))
    ),
}


def recognise(keys: Iterable[str]) -> FormatName:
    """The format in which every key has its place.

    Raises WeightsError with the nearest format and the first keys that do not belong to it.
    """
    return match_names(keys, FORMATS, place=ours_of)


def match_names(
    keys: Iterable[str],
    formats: Mapping[AnyName, AnyFormat],
    *,
    place: Callable[[str, AnyFormat, int], str | None],
) -> AnyName:
    """The first of `formats` in which `place` knows our name of every key. Raises WeightsError as `recognise`
    does."""
    keys = sorted(keys)
    stages = count_stages(keys)
    strangers = {
        name: [key for key in keys if place(key, known, stages) is None] for name, known in formats.items()
    }
    nearest = min(strangers, key=lambda name: len(strangers[name]))
    if keys and not strangers[nearest]:
        return nearest
    shown = ", ".join(strangers[nearest][:3]) or "no tensors at all"
    raise WeightsError(
        f"no known weights format (known: {', '.join(formats)}); nearest is {nearest}, where "
        f"{len(strangers[nearest])} of {len(keys)} names have no place: {shown}"
    )


def convert(state_dict: Mapping[str, Tensor], *, to: FormatName) -> dict[str, Tensor]:
    """The same tensors under the names of format `to`; the source format is recognised from the names.

    Index buffers, which follow from the window, are dropped, and made anew for a format that stores them.
    Raises WeightsError if the source is of no known format, or of a design that the target does not have.
    """
    stages = count_stages(state_dict)
    source, target = FORMATS[recognise(state_dict)], FORMATS[to]
    ours = {
        str(ours_of(key, source, stages)): tensor
        for key, tensor in state_dict.items()
        if not any(key.endswith(buffer) for buffer in source.buffers)
    }
    design = infer_design(ours)
    if design != "joint" and to != "videoswin":
        raise WeightsError(f"a {design} model has no names in {to}, which knows the joint design alone")
    converted = {theirs_of(key, target, stages): tensor for key, tensor in ours.items()}
    if target.buffers:
        window = infer_window(state_dict)
        index = relative_position_index(window, window, device=torch.device("cpu"))
        tables = [key for key in converted if key.endswith(TABLE)]
        converted |= {key.replace("_bias_table", "_index"): index.clone() for key in tables}
    return converted


def infer_design(keys: Iterable[str]) -> Design:
    """The design, from the names under which we keep its temporal parts."""
    keys = list(keys)
    if any(GATED in key for key in keys):
        return "factorized"
    return "split" if any(key.startswith(TOP) for key in keys) else "joint"


def infer_window(state_dict: Mapping[str, Tensor]) -> Size3:
    """The window P x M x M of a joint model from the bias tables, which have (2P-1)(2M-1)^2 rows, helped by
    an index buffer of (P*M*M)^2 entries where the file has one.

    Raises WeightsError if no window fits, or several.
    """
    rows = next((len(tensor) for key, tensor in state_dict.items() if key.endswith(TABLE)), 0)
    index = next((t for key, t in state_dict.items() if key.endswith(".relative_position_index")), None)
    found = [
        Size3((rows // side**2 + 1) // 2, (side + 1) // 2, (side + 1) // 2)
        for side in range(1, int(rows**0.5) + 1, 2)
        if rows % side**2 == 0 and rows // side**2 % 2 == 1
    ]
    if index is not None:
        found = [window for window in found if window.volume == len(index)]
    elif len(found) > 1:
        found = [
            window for window in found if window.h > 1
        ]  # a purely temporal joint model was never published
    if len(found) != 1:
        windows = " or ".join("x".join(map(str, window)) for window in found) or "no window"
        raise WeightsError(f"bias tables of {rows} rows fit {windows}; expected one square window PxMxM")
    return found[0]


def count_stages(keys: Iterable[str]) -> int:
    """Number of stages, from the numbers in the names of any format."""
    found = [
        re.match(r"(?:backbone\.|(?:swin\.)?encoder\.)?(layers|features)\.(\d{1,9})\.", key) for key in keys
    ]
    numbers = [int(match[2]) if match[1] == "layers" else int(match[2]) // 2 for match in found if match]
    stages = max(numbers, default=-1) + 1
    if stages > MAX_STAGES:
        raise WeightsError(f"names of {stages} stages; expected at most {MAX_STAGES}")
    return stages


def ours_of(key: str, source: Format, num_stages: int) -> str | None:
    """Our name of a foreign key; None if it has no place in that format."""
    for ours, theirs in source.prefixes(num_stages):
        if key.startswith(theirs):
            key = ours + key.removeprefix(theirs)
            break
    else:
        return None
    for inside, outside in source.infixes:
        key = key.replace(outside, inside)
    return key


def theirs_of(key: str, target: Format, num_stages: int) -> str:
    """The name that our key has in a format."""
    ours, theirs = next(pair for pair in target.prefixes(num_stages) if key.startswith(pair[0]))
    key = theirs + key.removeprefix(ours)
    for inside, outside in target.infixes:
        key = key.replace(inside, outside)
    return key
