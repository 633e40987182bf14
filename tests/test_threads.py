from __future__ import annotations

import os

import pytest
import torch

from videoswin.threads import cores_shared_with, describe, num_cores, share_cores


@pytest.mark.parametrize(
    ("num_cores", "before", "num_workers", "processes", "expected"),
    [
        (2, 2, 0, 1, 2),
        (2, 2, 1, 1, 1),
        (2, 2, 2, 1, 1),  # at least one
        (16, 16, 4, 1, 12),
        (16, 4, 4, 1, 4),  # the user's OMP_NUM_THREADS is not exceeded
        (16, 16, 3, 2, 5),  # half of the cores, and three of them for workers
    ],
)
def test_torch_leaves_cores_to_the_workers(
    num_cores: int,
    before: int,
    num_workers: int,
    processes: int,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(num_cores)), raising=False)
    original = torch.get_num_threads()
    torch.set_num_threads(before)
    try:
        with cores_shared_with(num_workers, processes=processes):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(original)


def test_processes_that_are_started_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    share_cores(2)
    assert os.environ["OMP_NUM_THREADS"] == "7"  # the user's
    for num_processes, threads in ((2, "4"), (3, "2"), (100, "1")):
        monkeypatch.delenv("OMP_NUM_THREADS")
        share_cores(num_processes)
        assert os.environ["OMP_NUM_THREADS"] == threads
    monkeypatch.delenv("OMP_NUM_THREADS")  # set here, so nothing would put it back


def test_what_computes_in_words() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert describe(3) == f"1 thread of {num_cores()} cores, 3 loader workers"
        assert (
            describe(0, processes=2) == f"2 processes, each 1 thread of {num_cores()} cores, 0 loader workers"
        )
    finally:
        torch.set_num_threads(before)
