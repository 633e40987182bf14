from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from tests.train.material import micro_config
from videoswin.train.find_rate import find_rate
from videoswin.train.sweep import NUM_UPDATES, rate_at


def test_a_sweep_proposes_a_rate_and_leaves_two_files(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(micro_config(videos, tmp_path / "run"), find_learning_rate=True, ema_decay=0.9)
    sweep = find_rate(config)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["lr_finder.csv", "lr_finder.png"]
    rows = list(csv.DictReader((tmp_path / "run" / "lr_finder.csv").open()))
    assert len(rows) == len(sweep.losses) <= NUM_UPDATES
    assert float(rows[30]["learning_rate"]) == pytest.approx(rate_at(30))
    assert sweep.proposal is not None
    assert 1e-6 < sweep.proposal < 1
