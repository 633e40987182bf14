"""Clip sizes as people write them: 32x224x224, or 32x224 for a square."""

from __future__ import annotations

from collections.abc import Sequence

from videoswin.errors import ConfigError


def parse_sizes(texts: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    """`32x224` -> (32, 224, 224); `29x230x250` -> (29, 230, 250). Raises ConfigError."""
    return tuple(_parse(text) for text in texts)


def _parse(text: str) -> tuple[int, int, int]:
    numbers = text.split("x")
    if len(numbers) not in (2, 3) or not all(each.isdecimal() and int(each) for each in numbers):
        allowed = "FRAMESxSIDE or FRAMESxHEIGHTxWIDTH, for example 32x224 or 29x230x250"
        raise ConfigError(f"sizes hold {text!r}; allowed: {allowed}")
    frames, height, *width = map(int, numbers)
    return frames, height, width[0] if width else height


def size_text(size: tuple[int, int, int]) -> str:
    return "x".join(map(str, size))
