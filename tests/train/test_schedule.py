from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoswin.train.schedule import official, smooth


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        # 10 updates an epoch, 30 epochs, warm-up 2.5 epochs = 25 updates
        (0, 0.1315),  # 1 - 0.9 * (25 - 7/8) / 25: the first update is 7 micro-batches into the warm-up
        (5, 0.3115),  # 1 - 0.9 * 19.125/25
        (10, 0.997261 * 0.4915),  # the second epoch's value, 14.125/25 of the warm-up to go
        (24, 0.989074 * 0.9955),
        (25, 0.989074),  # warm-up over: cos(2 pi / 30)
        (29, 0.989074),  # does not move inside an epoch
        (150, 0.5),  # half of the epochs
        (290, 0.002739),  # the last epoch does not run at 0
        (299, 0.002739),
    ],
)
def test_official(update: int, expected: float) -> None:
    factor = official(update, updates_per_epoch=10, epochs=30, warmup_epochs=2.5)
    assert factor == pytest.approx(expected, abs=2e-6)


def test_last_epoch_of_60_in_the_official_schedule() -> None:
    factor = official(59 * 7, updates_per_epoch=7, epochs=60, warmup_epochs=2.5)
    assert factor == pytest.approx(0.000685, abs=1e-6)


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        # 4 updates an epoch, 4 epochs, warm-up 1 epoch
        (0, 0.25),
        (1, 0.5),
        (2, 0.75),
        (3, 1.0),
        (4, 1.0),  # cosine of 12 updates starts
        (7, 0.853553),  # cos(pi / 4)
        (10, 0.5),
        (13, 0.146447),
        (15, 0.017037),  # the last update still learns
    ],
)
def test_smooth(update: int, expected: float) -> None:
    factor = smooth(update, updates_per_epoch=4, epochs=4, warmup_epochs=1)
    assert factor == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("shape", "expected"), [("smooth", [0.4, 0.8, 1.0, 1.0]), ("official", [0.415, 0.775, 1.0, 1.0])]
)
def test_warmup_of_two_and_a_half_updates(shape: str, expected: list[float]) -> None:
    schedule = {"smooth": smooth, "official": official}[shape]
    # 1 epoch of 1000 updates, so that the cosine hardly moves
    factors = [schedule(u, updates_per_epoch=1000, epochs=1, warmup_epochs=0.0025) for u in range(4)]
    assert factors == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("schedule", [official, smooth])
def test_no_warmup_starts_at_the_highest_rate(schedule: object) -> None:
    assert schedule(0, updates_per_epoch=5, epochs=2, warmup_epochs=0) == 1.0  # type: ignore[operator]


@given(
    updates_per_epoch=st.integers(1, 50),
    epochs=st.integers(1, 20),
    warmup=st.floats(0, 0.99),
    shape=st.sampled_from([official, smooth]),
)
def test_factors_are_positive_and_fall_after_the_warmup(
    updates_per_epoch: int, epochs: int, warmup: float, shape: object
) -> None:
    total = updates_per_epoch * epochs
    factors = [
        shape(update, updates_per_epoch=updates_per_epoch, epochs=epochs, warmup_epochs=warmup * epochs)  # type: ignore[operator]
        for update in range(total)
    ]
    assert all(0 < factor <= 1 for factor in factors)
    after = [factor for update, factor in enumerate(factors) if update >= warmup * total]
    assert after == sorted(after, reverse=True)
