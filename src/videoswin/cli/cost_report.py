"""What `videoswin cost` knows about a model, and how it says so in JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from videoswin.model.config import SwinConfig
from videoswin.model.cost import Cost, cost
from videoswin.model.memory import ActivationMemory, activation_memory
from videoswin.model.published import PAPER_ROWS, PaperRow, rows_of
from videoswin.ops import select_backend
from videoswin.values import Size3


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """Everything known about one model and clip. rows: those of the paper that it is."""

    variant: str
    config: SwinConfig
    clip: Size3
    parts: list[Cost]
    rows: list[PaperRow]
    memory: ActivationMemory | None

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts)

    @property
    def multiply_adds(self) -> int:
        return sum(part.multiply_adds for part in self.parts)


def count(variant: str, config: SwinConfig, clip: Size3, *, has_memory: bool) -> Counted:
    return Counted(
        variant=variant,
        config=config,
        clip=clip,
        parts=cost(config, clip),
        rows=rows_of(config, clip),
        memory=activation_memory(config, clip) if has_memory else None,
    )


def counted_rows() -> list[tuple[PaperRow, Counted]]:
    """Every row of the paper and what we count for it."""
    return [(row, count(row.name, row.config, row.clip, has_memory=False)) for row in PAPER_ROWS]


def report(counted: Counted) -> dict[str, Any]:
    found: dict[str, Any] = {
        "variant": counted.variant,
        "design": counted.config.design,
        "clip": list(counted.clip),
        "config": asdict(counted.config),
        "parameters": counted.parameters,
        "multiply_adds": counted.multiply_adds,
        "parts": [
            asdict(part) | {"grid": list(part.grid), "multiply_adds": part.multiply_adds}
            for part in counted.parts
        ],
        "paper": [_row_report(row) for row in counted.rows],
    }
    if counted.memory is not None:
        found["activation_memory_bytes"] = asdict(counted.memory)
        found["attention_backend"] = select_backend()
    return found


def _row_report(row: PaperRow) -> dict[str, Any]:
    return {
        "table": row.table,
        "name": row.name,
        "giga_multiply_adds": row.giga_multiply_adds,
        "mega_parameters": row.mega_parameters,
    }


def report_all(counted: list[Counted]) -> dict[str, Any]:
    return {
        "models": [report(each) for each in counted],
        "paper": [
            _row_report(row) | {"parameters": ours.parameters, "multiply_adds": ours.multiply_adds}
            for row, ours in counted_rows()
        ],
    }
