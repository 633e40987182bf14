"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["kept", "broken", "not tried"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One promise. what: what was done; numbers: how often and how it ended, or why it was not tried; one
    line."""

    what: str
    result: Result
    numbers: str

    @staticmethod
    def of(what: str, problems: list[str], numbers: str) -> Check:
        """Kept without problems; the first is told."""
        if problems:
            others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            return Check(what=what, result="broken", numbers=f"{numbers}: {problems[0]}{others}")
        return Check(what=what, result="kept", numbers=numbers)
