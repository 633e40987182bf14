"""Rules of configuration values: every broken one is named at once, with what is allowed."""

from __future__ import annotations

import math
from typing import NamedTuple

from videoswin.errors import ConfigError


class Rule(NamedTuple):
    name: str
    value: object
    is_kept: bool
    allowed: str


def check(*rules: Rule) -> None:
    """Raise ConfigError naming every broken rule."""
    broken = [f"{rule.name} is {rule.value!r}, allowed: {rule.allowed}" for rule in rules if not rule.is_kept]
    if broken:
        raise ConfigError("; ".join(broken))


def is_at_least(low: float, value: float) -> bool:
    return math.isfinite(value) and value >= low


def count(name: str, value: int) -> Rule:
    return Rule(name, value, value >= 1, "1 or more")


def share(name: str, value: float) -> Rule:
    return Rule(name, value, 0 <= value < 1, "at least 0 and less than 1")
