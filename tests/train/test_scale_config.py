from __future__ import annotations

import math
import re
from typing import Any

import pytest

from videoswin.errors import ConfigError
from videoswin.train.scale_config import CheckpointConfig, ScaleConfig


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (ScaleConfig, {"devices": 0}, "scale.devices is 0, allowed: 1 or more"),
        (ScaleConfig, {"strategy": "zero"}, "scale.strategy is 'zero', allowed: auto, ddp, fsdp"),
        (ScaleConfig, {"timeout_seconds": 0.5}, "scale.timeout_seconds is 0.5, allowed: 1 or more"),
        (ScaleConfig, {"timeout_seconds": math.nan}, "scale.timeout_seconds is nan, allowed: 1 or more"),
        (CheckpointConfig, {"minutes": -1.0}, "checkpoint.minutes is -1.0, allowed: 0 (off) or more"),
        (CheckpointConfig, {"minutes": math.inf}, "checkpoint.minutes is inf, allowed: 0 (off) or more"),
        (CheckpointConfig, {"updates": -1}, "checkpoint.updates is -1, allowed: 0 (off) or more"),
        (CheckpointConfig, {"keep": 0}, "checkpoint.keep is 0, allowed: 1 or more"),
    ],
)
def test_wrong_values(part: type[Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        part(**change)


def test_the_smallest_values_are_allowed() -> None:
    ScaleConfig(devices=1, timeout_seconds=1)
    CheckpointConfig(minutes=0, updates=0, keep=1)
