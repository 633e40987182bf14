"""How many batches the workers may read ahead: as many as memory allows, not a guess."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from videoswin.values import ClipSpec

MAX_PREFETCH = 8
"""Batches a worker; more hide no longer wait, since all workers are ahead then."""
_SHARE = 4
"""At most this part of the memory that is free: the page cache, the model and other runs need some too."""
_MEMORY = Path("/proc/meminfo")
_SHARED_MEMORY = Path("/dev/shm")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefetch:
    """What is read ahead: `factor` batches of `batch_bytes` for each worker."""

    factor: int
    num_workers: int
    batch_bytes: int
    budget_bytes: int
    """What they may take."""

    @property
    def num_bytes(self) -> int:
        return self.factor * self.num_workers * self.batch_bytes

    @property
    def is_over(self) -> bool:
        """Whether even one batch a worker is more than the budget."""
        return self.num_bytes > self.budget_bytes

    def __str__(self) -> str:
        if self.num_workers == 0:
            return "no workers, nothing is read ahead"
        return (
            f"{self.num_workers} workers read {self.factor} batches of {_mib(self.batch_bytes)} ahead: "
            f"{_mib(self.num_bytes)} of {_mib(self.budget_bytes)} allowed"
        )


def plan_prefetch(*, batch_bytes: int, num_workers: int, bound_bytes: int, free_bytes: int) -> Prefetch:
    """The most batches a worker, 1 to MAX_PREFETCH, that stay below `bound_bytes` and a quarter of
    `free_bytes`."""
    budget = min(bound_bytes, free_bytes // _SHARE)
    factor = budget // max(batch_bytes * num_workers, 1)
    return Prefetch(
        factor=min(max(factor, 1), MAX_PREFETCH),
        num_workers=num_workers,
        batch_bytes=batch_bytes,
        budget_bytes=budget,
    )


def clip_bytes(clip: ClipSpec) -> int:
    """Of one training clip, uint8."""
    return 3 * clip.num_frames * clip.size**2


def free_bytes() -> int:
    """Memory for batches on their way: what is free of the machine, of its container, and of the shared
    memory through which workers hand them over. Where a system tells none of them, half of the machine's."""
    known = [
        *_meminfo(),
        *_left_in_cgroup("memory.max", "memory.current"),
        *_left_in_cgroup("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
        *_free_space(_SHARED_MEMORY),
    ]
    return min(known) if known else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _meminfo() -> list[int]:
    if not _MEMORY.exists():
        return []
    lines = [line.split() for line in _MEMORY.read_text().splitlines()]
    return [int(fields[1]) << 10 for fields in lines if fields[0] == "MemAvailable:"]


def _left_in_cgroup(limit: str, used: str) -> list[int]:
    """Empty where there is no such group or it has no limit."""
    if not ((_CGROUP / limit).exists() and (_CGROUP / used).exists()):
        return []
    largest = (_CGROUP / limit).read_text().strip()
    return [max(int(largest) - int((_CGROUP / used).read_text()), 0)] if largest.isdigit() else []


def _free_space(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    status = os.statvfs(folder)
    return [status.f_bavail * status.f_frsize]


def _mib(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:,.1f} MiB"
