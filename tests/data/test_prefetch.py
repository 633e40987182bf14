from __future__ import annotations

from pathlib import Path

import pytest

from videoswin.data import prefetch
from videoswin.data.prefetch import MAX_PREFETCH, clip_bytes, free_bytes, plan_prefetch
from videoswin.values import ClipSpec

MIB = 1 << 20


@pytest.mark.parametrize(
    ("batch", "workers", "bound", "free", "factor", "is_over"),
    [
        (100, 2, 1000, 100_000, 5, False),  # 1000 / 200
        (100, 2, 1000, 2_800, 3, False),  # a quarter of 2,800 is 700
        (100, 2, 199, 100_000, 1, True),  # one batch a worker is the least there is
        (100, 4, 10**9, 10**10, MAX_PREFETCH, False),
        (100, 0, 1000, 100_000, 8, False),  # no workers: nothing is read ahead
    ],
)
def test_factor(batch: int, workers: int, bound: int, free: int, factor: int, is_over: bool) -> None:
    plan = plan_prefetch(batch_bytes=batch, num_workers=workers, bound_bytes=bound, free_bytes=free)
    assert (plan.factor, plan.is_over) == (factor, is_over)
    assert plan.num_bytes == factor * workers * batch


def test_a_plan_says_what_it_takes() -> None:
    plan = plan_prefetch(batch_bytes=3 * MIB, num_workers=2, bound_bytes=20 * MIB, free_bytes=1000 * MIB)
    assert str(plan) == "2 workers read 3 batches of 3.0 MiB ahead: 18.0 MiB of 20.0 MiB allowed"
    assert "nothing is read ahead" in str(
        plan_prefetch(batch_bytes=1, num_workers=0, bound_bytes=1, free_bytes=1)
    )


def test_bytes_of_a_clip() -> None:
    assert clip_bytes(ClipSpec()) == 3 * 32 * 224 * 224  # 4.8 MB


def test_free_memory_is_the_least_of_what_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, group = tmp_path / "meminfo", tmp_path / "cgroup"
    group.mkdir()
    monkeypatch.setattr(prefetch, "_MEMORY", memory)
    monkeypatch.setattr(prefetch, "_CGROUP", group)
    monkeypatch.setattr(prefetch, "_SHARED_MEMORY", tmp_path / "none")
    machine = free_bytes()
    assert machine > MIB  # half of the machine's
    memory.write_text("MemTotal:  4000 kB\nMemAvailable:  2000 kB\n")
    assert free_bytes() == 2000 << 10
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("1000\n")
    assert free_bytes() == 2000 << 10
    (group / "memory.max").write_text("3000\n")
    assert free_bytes() == 2000
    (group / "memory.max").write_text("500\n")
    assert free_bytes() == 0
    monkeypatch.setattr(prefetch, "_SHARED_MEMORY", tmp_path)
    assert free_bytes() == 0


def test_this_machine_tells() -> None:
    assert free_bytes() > MIB
