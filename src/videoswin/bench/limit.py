"""A time after which a benchmark begins nothing new and says what it left out."""

from __future__ import annotations

import time

from videoswin.errors import ConfigError


class TimeLimit:
    """seconds from now on; 0: no limit. What has begun is not interrupted."""

    def __init__(self, seconds: float) -> None:
        if seconds < 0:
            raise ConfigError(f"time_limit is {seconds:g}; allowed: 0 (none) or more seconds")
        self._end = time.monotonic() + seconds if seconds else float("inf")
        self.left_out: list[str] = []

    @property
    def seconds_left(self) -> float:
        return self._end - time.monotonic()

    def allows(self, what: str) -> bool:
        """Whether there is time for `what`; if not, it counts as left out."""
        if self.seconds_left > 0:
            return True
        self.leave_out(what, "no time left")
        return False

    def leave_out(self, what: str, why: str) -> None:
        self.left_out.append(f"{what}: {why}")
