"""The guard passes on this code and says what is wrong with other code."""

from __future__ import annotations

import pytest

from videoswin.bench.guard import Checked, SlowerError, check


def test_a_fast_and_equal_one_passes():
    check([Checked(mode="inference", times_faster=2.0, is_same=True)])


@pytest.mark.parametrize(
    ("times_faster", "is_same", "message"),
    [
        (1.0, True, "boxes is 1.00 times faster than reference; allowed: at least 1.3"),
        (3.0, False, "another result"),
    ],
)
def test_a_slow_or_wrong_one_fails(times_faster, is_same, message):
    good = Checked(mode="training", times_faster=2.0, is_same=True)
    bad = Checked(mode="inference", times_faster=times_faster, is_same=is_same)
    with pytest.raises(SlowerError, match=message) as caught:
        check([good, bad])
    assert caught.value.exit_code == 1
    assert "training" not in str(caught.value)


@pytest.mark.slow
def test_it_passes_here(capsys):
    from videoswin.cli.main import main

    assert main(["bench", "guard"]) == 0
    assert "inference: boxes is" in capsys.readouterr().out
