"""How a 2D Swin becomes a Video Swin, as values (paper Tables 8 and 9). Imports no torch, so that reading a
configuration costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from videoswin.errors import ConfigError

PatchInit = Literal["inflate", "center"]
BiasInit = Literal["duplicate", "center"]


@dataclass(frozen=True, kw_only=True)
class Inflation:
    """What the file of a 2D model leaves open. The defaults are the official code's."""

    patch: PatchInit = "inflate"
    """Patch embedding. `inflate`: the same weights for every frame of a patch, divided by their number.
    `center`: frame `temporal_patch // 2` (counted from 0) gets the weights, the others zeros."""
    bias: BiasInit = "duplicate"
    """Bias tables. `duplicate`: the 2D table for every offset in time. `center`: it for offset 0 only, -4.6
    for every other; a still clip then gives features 0.2 to 0.5 % away from its picture's (measured on random
    weights), with `duplicate` the same."""
    temporal_patch: int = 2
    """Frames that become one token."""
    temporal_window: int = 8
    """Attention window in time, in tokens; 16 is what the paper uses on Something-Something. Where a whole
    window is named as well, as in `model` of a training run, that counts."""

    def __post_init__(self) -> None:
        for name, allowed in (("patch", get_args(PatchInit)), ("bias", get_args(BiasInit))):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"inflation.{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}"
                )
        for name in ("temporal_patch", "temporal_window"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise ConfigError(f"inflation.{name} is {value!r}; allowed: a whole number of at least 1")
