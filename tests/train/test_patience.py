from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from videoswin.train.patience import Patience


def stops_after(values: list[float], *, patience: int, stop_at: int = 0) -> int:
    """Validations made. After `stop_at` of them another callback goes on from what this one keeps."""
    callback = Patience(metric="val/top1", patience=patience)
    trainer: Any = SimpleNamespace(callback_metrics={}, should_stop=False, current_epoch=0)
    module: Any = None
    for number, value in enumerate(values, start=1):
        trainer.callback_metrics["val/top1"] = value
        callback.on_validation_end(trainer, module)
        if trainer.should_stop:
            return number
        if number == stop_at:
            kept = callback.state_dict()
            callback = Patience(metric="val/top1", patience=patience)
            callback.load_state_dict(kept)
    return len(values)


@pytest.mark.parametrize(
    ("values", "patience", "expected"),
    [
        ([0.1, 0.2, 0.2, 0.1, 0.3], 2, 4),
        ([0.1, 0.2, 0.2, 0.3, 0.3], 2, 5),
        ([0.5, 0.4], 1, 2),
        ([0.0, 0.0, 0.0], 2, 3),
    ],
)
@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_it_stops_after_so_many_that_are_no_better(
    values: list[float], patience: int, expected: int, stop_at: int
) -> None:
    assert stops_after(values, patience=patience, stop_at=stop_at) == expected


def test_a_resumed_run_that_had_validated_nothing_starts_anew() -> None:
    callback = Patience(metric="val/top1", patience=1)
    callback.load_state_dict(Patience(metric="val/top1", patience=1).state_dict())
    assert callback.best is None
