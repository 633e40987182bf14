"""What a weights file is and what is odd about it, without refusing more than has to be: a file that `read`
would not take still says as much as can be read of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from videoswin.errors import WeightsError, printable
from videoswin.model import VARIANTS, SwinConfig
from videoswin.values import ClipSpec
from videoswin.weights.container import read_tensors
from videoswin.weights.inflation import Inflation
from videoswin.weights.interpret import PEER, in_one_line, interpret
from videoswin.weights.model import Weights, find_problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """Of one file. Without a recognised model `config` and `clip` are None.

    variant: the published size it has in any design, "" for another. tensors, parameters: as the file has
    them, index buffers not counted as parameters. dtypes: tensors of each type. steps: what reading it
    changes. zero: tensors that are all zeros, which a trained model hardly has. problems: why `read` or
    `build` refuse it, the tensors concerned under each cause.
    """

    path: str
    size_bytes: int
    source_format: str
    variant: str
    config: SwinConfig | None
    has_head: bool
    clip: ClipSpec | None
    labels: tuple[str, ...]
    notes: dict[str, str]
    tensors: int
    parameters: int
    dtypes: dict[str, int]
    steps: tuple[str, ...]
    zero: tuple[str, ...]
    problems: dict[str, tuple[str, ...]]

    @property
    def is_sound(self) -> bool:
        """Whether `load` takes it, or, if it is of a peer, `Predictor`."""
        return not self.problems


def inspect(path: str | os.PathLike[str]) -> Inspection:
    """Look at a weights file of any format. Raises WeightsError if not even its tensors can be read."""
    name = os.fspath(path)
    try:
        tensors, header = read_tensors(name)
    except WeightsError as error:
        raise in_one_line(error, path=name) from error
    found: Weights | None = None
    problems: dict[str, tuple[str, ...]] = {}
    try:
        found = interpret(tensors, header, path=name, inflation=Inflation(), window=None, offsets="stretch")
        listed = find_problems(found.state_dict, found.config, has_head=found.has_head)
        problems = {cause: tuple(names) for cause, names in listed.items() if names}
    except WeightsError as error:
        refusal = str(in_one_line(error, path=name)).removeprefix(f"{printable(name)}: ")
        problems = ({} if PEER in header else {"refused": (refusal,)}) | _not_finite(tensors)
    return Inspection(
        path=name,
        size_bytes=os.path.getsize(name),
        source_format=found.source_format if found else _foreign(header),
        variant=_variant(found) if found else "",
        config=found.config if found else None,
        has_head=found.has_head if found else False,
        clip=found.clip if found else None,
        labels=found.labels if found else (),
        notes=found.notes if found else {},
        tensors=len(tensors),
        parameters=sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point()),
        dtypes=dict(Counter(str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values())),
        steps=found.steps if found else (),
        zero=tuple(key for key, tensor in tensors.items() if _is_zero(tensor)),
        problems=problems,
    )


def _foreign(header: Mapping[str, Any]) -> str:
    """What a file of no Video Swin is. That of a peer holds what evaluation and prediction need."""
    peer = header.get(PEER)
    return f"peer {printable(str(peer.get('name')))}" if isinstance(peer, dict) else "unknown"


def _variant(weights: Weights) -> str:
    """Name of the published size, whatever the design, with the window where that differs."""
    for name, published in VARIANTS.items():
        config = replace(
            weights.config,
            num_classes=published.num_classes,
            design=published.design,
            shift=published.shift,
            temporal_bias=published.temporal_bias,
        )
        if config == published:
            return name
        if replace(config, window=published.window) == published:
            return f"{name} with window {'x'.join(map(str, config.window))}"
    return ""


def _not_finite(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, ...]]:
    names = tuple(
        key for key, tensor in tensors.items() if tensor.is_floating_point() and not _is_finite(tensor)
    )
    return {"not finite": names} if names else {}


def _is_finite(tensor: Tensor) -> bool:
    # In float32, since the 8-bit types cannot be asked.
    return bool(tensor.float().isfinite().all())


def _is_zero(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.numel() > 0 and not bool(tensor.float().any())
