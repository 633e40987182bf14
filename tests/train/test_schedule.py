from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoswin.train.schedule import factor_at_update, last_batch, official, smooth


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        # 10 batches an epoch, 30 epochs, warm-up 2.5 epochs = 25 batches
        (0, 0.1),  # warm-up starts at a tenth
        (5, 0.28),  # 1 - 0.9 * 20/25
        (10, 0.997261 * 0.46),  # the second epoch's value, 15/25 of the warm-up to go
        (24, 0.989074 * 0.964),
        (25, 0.989074),  # warm-up over: cos(2 pi / 30)
        (29, 0.989074),  # does not move inside an epoch
        (150, 0.5),  # half of the epochs
        (290, 0.002739),  # the last epoch does not run at 0
        (299, 0.002739),
    ],
)
def test_official(batch: int, expected: float) -> None:
    factor = official(batch, batches_per_epoch=10, epochs=30, warmup_epochs=2.5)
    assert factor == pytest.approx(expected, abs=2e-6)


def test_last_epoch_of_60_in_the_official_schedule() -> None:
    factor = official(59 * 7, batches_per_epoch=7, epochs=60, warmup_epochs=2.5)
    assert factor == pytest.approx(0.000685, abs=1e-6)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        # 4 batches an epoch, 4 epochs, warm-up 1 epoch
        (0, 0.25),
        (1, 0.5),
        (2, 0.75),
        (3, 1.0),
        (4, 1.0),  # cosine of 12 batches starts
        (7, 0.853553),  # cos(pi / 4)
        (10, 0.5),
        (13, 0.146447),
        (15, 0.017037),  # the last batch still learns
    ],
)
def test_smooth(batch: int, expected: float) -> None:
    factor = smooth(batch, batches_per_epoch=4, epochs=4, warmup_epochs=1)
    assert factor == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("shape", "expected"), [("smooth", [0.4, 0.8, 1.0, 1.0]), ("official", [0.1, 0.46, 0.82, 1.0])]
)
def test_warmup_of_two_and_a_half_batches(shape: str, expected: list[float]) -> None:
    schedule = {"smooth": smooth, "official": official}[shape]
    # 1 epoch of 1000 batches, so that the cosine hardly moves
    factors = [schedule(b, batches_per_epoch=1000, epochs=1, warmup_epochs=0.0025) for b in range(4)]
    assert factors == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("schedule", [official, smooth])
def test_no_warmup_starts_at_the_highest_rate(schedule: object) -> None:
    assert schedule(0, batches_per_epoch=5, epochs=2, warmup_epochs=0) == 1.0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("batches_per_epoch", "accumulate", "expected"),
    [
        (7, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (7, 3, [2, 5, 6, 9, 12, 13, 16]),  # the rest of an epoch is an update of its own
        (6, 3, [2, 5, 8, 11]),
        (2, 8, [1, 3, 5]),
    ],
)
def test_batch_after_which_an_update_happens(
    batches_per_epoch: int, accumulate: int, expected: list[int]
) -> None:
    updates = range(len(expected))
    assert [
        last_batch(update, batches_per_epoch=batches_per_epoch, accumulate=accumulate) for update in updates
    ] == expected


def test_factor_at_update_counts_warmup_in_batches() -> None:
    # Accumulating 4: the first update happens after batch 3, a tenth plus 0.9 * 3/20 into the warm-up.
    factor = factor_at_update(
        0, shape="official", batches_per_epoch=20, accumulate=4, epochs=30, warmup_epochs=1
    )
    assert factor == pytest.approx(0.235)


@given(
    batches_per_epoch=st.integers(1, 50),
    epochs=st.integers(1, 20),
    warmup=st.floats(0, 0.99),
    shape=st.sampled_from([official, smooth]),
)
def test_factors_are_positive_and_fall_after_the_warmup(
    batches_per_epoch: int, epochs: int, warmup: float, shape: object
) -> None:
    total = batches_per_epoch * epochs
    factors = [
        shape(batch, batches_per_epoch=batches_per_epoch, epochs=epochs, warmup_epochs=warmup * epochs)  # type: ignore[operator]
        for batch in range(total)
    ]
    assert all(0 < factor <= 1 for factor in factors)
    after = [factor for batch, factor in enumerate(factors) if batch >= warmup * total]
    assert after == sorted(after, reverse=True)
