"""What a checkpoint holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

GROUP = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The state right after an optimizer update.

    step: updates made so far; tensors: {"model" | "optimizer" | "ema": {name: tensor on any device}}, each
    group a file of its own; state: a JSON object, which comes back as it was, to the last bit of a float.

    Raises ValueError naming what can't be saved so.
    """

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    state: dict[str, Any]

    def __post_init__(self) -> None:
        if self.step < 0:
            raise ValueError(f"step is {self.step}; allowed: 0 or more")
        for group in self.tensors:
            if not GROUP.fullmatch(group):
                raise ValueError(f"group of tensors {group!r}; allowed: small letters, digits, _")
        if not isinstance(self.state, dict):
            raise ValueError(f"state is a {type(self.state).__name__}; allowed: a JSON object")
        _require_plain(self.state, where="state")

    def copied(self) -> Snapshot:
        """The same with tensors of its own on the CPU, which later updates don't change."""
        tensors = {
            group: {name: tensor.detach().to("cpu", copy=True) for name, tensor in named.items()}
            for group, named in self.tensors.items()
        }
        state = json.loads(json.dumps(self.state))
        return Snapshot(step=self.step, tensors=tensors, state=state)


def _require_plain(value: object, *, where: str) -> None:
    """JSON would turn a tuple into a list and the key 1 into "1": what comes back must equal what was
    saved."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where} has the key {key!r}; allowed: text")
            _require_plain(item, where=f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _require_plain(item, where=f"{where}[{index}]")
    elif not (value is None or isinstance(value, bool | int | float | str)):
        raise ValueError(f"{where} is a {type(value).__name__}; allowed: plain JSON values")
