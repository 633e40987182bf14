"""A benchmark while it runs: what it does now, on a terminal's stderr."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from rich.console import Console

Measured = TypeVar("Measured")


def watched(steps: Iterator[tuple[str, Measured | None]]) -> Measured:
    """steps: (what is done now, None), at last with the results, which are returned."""
    result: Measured | None = None
    with Console(stderr=True).status("start") as status:
        for step, measured in steps:
            status.update(step)
            result = measured
    assert result is not None
    return result
