from __future__ import annotations

import logging
import os
import warnings

import pytest
import torch

from videoswin.train.trainer import cores_shared_with, quiet_lightning


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


def test_other_warnings_of_lightning_still_show() -> None:
    with pytest.warns(UserWarning, match="something new"), quiet_lightning():
        warnings.warn("something new", stacklevel=1)


def test_lightning_speaks_again_after_the_run() -> None:
    before = logging.getLogger("lightning.pytorch").level
    with quiet_lightning():
        assert logging.getLogger("lightning.pytorch").level == logging.WARNING
    assert logging.getLogger("lightning.pytorch").level == before
