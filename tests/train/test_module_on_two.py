"""Two processes make the update that one makes, whatever each of them could read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.test_module import batch_of, module_of, run
from tests.train.two_processes import KeepUpdate


def on_two(case: str, folder: Path) -> None:
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, "-m", *launcher, "-m", "tests.train.two_processes", case, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def by_one() -> dict[str, Any]:
    """The gradient and the metrics of one process that has the same clips in other batches."""
    module = module_of(micro_batch=5, ema_decay=0.5, max_gradient_norm=0.5)
    keep, val = KeepUpdate(), [batch_of(0, 1), batch_of(2, num_bad=2), batch_of(5)]
    trainer = run(module, [batch_of(0, 1, 2, 3, 4)], val, callbacks=[keep])
    return {
        "gradient": keep.made["gradient"],
        "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
    }


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.slow
def test_the_update_is_that_of_one_process(strategy: str, by_one: dict[str, Any], tmp_path: Path) -> None:
    on_two(strategy, tmp_path)
    first, second = (torch.load(tmp_path / f"{strategy}{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["metrics"] == second["metrics"] == pytest.approx(by_one["metrics"], rel=2e-4)
    for name, gradient in by_one["gradient"].items():
        torch.testing.assert_close(first["gradient"][name], gradient, rtol=1e-4, atol=1e-6)
        assert torch.equal(first["model"][name], second["model"][name])
        # The weights are back after the validation of their mean.
        mean = (first["before"][name] + first["model"][name]) / 2
        torch.testing.assert_close(first["ema"][name], mean)
        assert not torch.equal(mean, first["model"][name])


def test_t09_a_nan_on_one_process_stops_both_and_names_its_video(tmp_path: Path) -> None:
    on_two("nan", tmp_path)
    first, second = ((tmp_path / f"error{rank}").read_text() for rank in (0, 1))
    assert first == second
    assert "the loss is nan at update 0 (epoch 1, batch 1, 2), which was not made" in first
    assert "videos: 0.mp4, 8.mp4, 0.mp4, 9.mp4" in first
    report = json.loads((tmp_path / "nonfinite.json").read_text())
    assert [(batch["rank"], batch["indices"]) for batch in report["batches"]] == [
        *((0, [0]), (0, [8])),
        *((1, [0]), (1, [9])),
    ]
