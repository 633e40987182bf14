from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from tests.train.test_module import SAMPLES, batch_of
from videoswin.errors import NonFiniteLossError
from videoswin.train.config import OnNonFinite
from videoswin.train.nonfinite import REPORT_FILE, NonFiniteGuard

FINE = {"backbone": 1.0, "head": 2.0}
BROKEN = {"backbone": math.inf, "head": 2.0}


def guard_of(
    folder: Path, *, policy: OnNonFinite = "stop", max_skipped: int = 2, has_scaler: bool = False
) -> NonFiniteGuard:
    return NonFiniteGuard(
        SAMPLES, folder=folder, seed=3, policy=policy, max_skipped=max_skipped, has_scaler=has_scaler
    )


def allows(guard: NonFiniteGuard, *, loss: float = 1.0, norms: Mapping[str, float] = FINE) -> bool:
    guard.saw(batch_of(0, 1), 4)
    guard.saw(batch_of(2), 5)
    return guard.allows(update=7, epoch=1, loss=loss, norms=norms)


@pytest.mark.parametrize(
    ("loss", "norms", "what"),
    [
        (math.nan, FINE, "the loss is nan"),
        (-math.inf, BROKEN, "the loss is -inf"),
        (1.0, BROKEN, "the gradient of backbone is not finite"),
    ],
)
def test_t09_it_stops_and_names_update_and_videos(
    loss: float, norms: Mapping[str, float], what: str, tmp_path: Path
) -> None:
    with pytest.raises(NonFiniteLossError) as caught:
        allows(guard_of(tmp_path), loss=loss, norms=norms)
    report = tmp_path / REPORT_FILE
    assert str(caught.value).startswith(
        f"{what} at update 7 (epoch 2, batch 5, 6), which was not made; videos: 0.mp4, 1.mp4, 0.mp4; "
        f"{report} has more; "
    )
    assert caught.value.exit_code == 6


def test_t09_the_report_says_what_it_takes_to_see_it_again(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError):
        allows(guard_of(tmp_path), loss=math.nan, norms=BROKEN)
    report = json.loads((tmp_path / REPORT_FILE).read_text())
    assert report.pop("versions")["torch"] == torch.__version__
    assert report == {
        "update": 7,
        "epoch": 2,
        "seed": 3,
        "loss": "nan",
        "gradient_norms": {"backbone": "inf", "head": "2.0"},
        "batches": [
            {"rank": 0, "batch": 5, "indices": [0, 1], "paths": ["0.mp4", "1.mp4"]},
            {"rank": 0, "batch": 6, "indices": [0], "paths": ["0.mp4"]},
        ],
    }


def test_t09_skipping_counts_and_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    guard = guard_of(tmp_path, policy="skip")
    answers = [allows(guard, loss=loss) for loss in (math.nan, math.nan, 1.0, math.nan, math.nan)]
    assert answers == [False, False, True, False, False]
    assert guard.counters() == {"num_skipped": 4, "num_in_a_row": 2}
    assert "the loss is nan at update 7 (epoch 2, batch 5, 6): left out, 2 in a row" in caplog.messages
    assert not (tmp_path / REPORT_FILE).exists()
    later = guard_of(tmp_path, policy="skip")
    later.load_counters(guard.counters())
    with pytest.raises(NonFiniteLossError, match=r"not made, number 3 in a row \(max_skipped 2\)"):
        allows(later, loss=math.nan)


def test_t10_a_shrinking_scale_is_borne_so_often_only(tmp_path: Path) -> None:
    guard = guard_of(tmp_path, has_scaler=True)
    assert [allows(guard, norms=BROKEN) for _ in range(2)] == [False, False]
    message = r"the gradient of backbone is not finite .* number 3 in a row"
    with pytest.raises(NonFiniteLossError, match=message):
        allows(guard, norms=BROKEN)
    with pytest.raises(NonFiniteLossError, match=r"the loss is nan .* which was not made; "):
        allows(guard_of(tmp_path, has_scaler=True), loss=math.nan)  # no scale makes that


def test_only_the_batches_of_the_update_are_named(tmp_path: Path) -> None:
    guard = guard_of(tmp_path)
    assert allows(guard)
    guard.saw(batch_of(5), 6)
    with pytest.raises(NonFiniteLossError, match=r"\(epoch 2, batch 7\).*videos: 0.mp4; "):
        guard.allows(update=8, epoch=1, loss=math.nan, norms=FINE)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_broken_validation_ends_the_run(loss: float, tmp_path: Path) -> None:
    guard_of(tmp_path).check_validation(1.0, update=3)
    with pytest.raises(NonFiniteLossError, match=f"validation loss is {loss} after update 3; .* not kept"):
        guard_of(tmp_path).check_validation(loss, update=3)
