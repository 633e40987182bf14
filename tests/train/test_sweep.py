from __future__ import annotations

import csv
import logging
import math
from pathlib import Path

import pytest

from videoswin.train.sweep import (
    HIGHEST,
    LOWEST,
    NUM_UPDATES,
    Sweep,
    rate_at,
    say_proposal,
    write_sweep,
)


def sweep_of(losses: list[float]) -> Sweep:
    return Sweep(rates=tuple(rate_at(i) for i in range(len(losses))), losses=tuple(losses))


def test_rates_rise_in_equal_ratios() -> None:
    assert rate_at(0) == LOWEST
    assert rate_at(NUM_UPDATES - 1) == pytest.approx(HIGHEST)
    assert rate_at(51) / rate_at(50) == pytest.approx(rate_at(8) / rate_at(7))


def test_a_constant_loss_is_smoothed_to_itself_from_the_first() -> None:
    assert sweep_of([2.0] * 5).smoothed == pytest.approx([2.0] * 5)


def test_the_proposal_is_where_the_loss_falls_fastest() -> None:
    losses = [2 - 1 / (1 + math.exp((50 - i) / 3)) for i in range(80)]  # falls fastest at 50
    proposal = sweep_of(losses).proposal
    assert proposal is not None
    assert rate_at(50) < proposal < rate_at(60)  # smoothing looks back


@pytest.mark.parametrize("losses", [[float(i) for i in range(50)], [3.0, 2.0, 1.0]])
def test_where_it_falls_nowhere_nothing_is_proposed(losses: list[float]) -> None:
    assert sweep_of(losses).proposal is None


def test_files_and_the_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sweep = sweep_of([2 - i / 100 for i in range(40)])
    write_sweep(sweep, tmp_path)
    rows = list(csv.DictReader((tmp_path / "lr_finder.csv").open()))
    assert [float(row["loss"]) for row in rows] == list(sweep.losses)
    assert (tmp_path / "lr_finder.png").read_bytes()[:4] == b"\x89PNG"
    say_proposal(sweep, tmp_path)
    say_proposal(sweep_of([1.0]), tmp_path)
    assert f"proposal: --optimizer.learning_rate {sweep.proposal:.1e}" in caplog.messages[0]
    assert "no proposal: the loss falls nowhere between 1e-07 and 1" in caplog.messages[1]
