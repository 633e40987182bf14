"""A short version of `videoswin verify signals`."""

from __future__ import annotations

import pytest

from videoswin.errors import ConfigError
from videoswin.verify import signals
from videoswin.verify.signals import CASES, verify_signals


def test_g4_t03_a_signal_to_the_group_ends_with_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = (case for case in CASES if case.what == "SIGTERM to the group, 2 workers")
    monkeypatch.setattr(signals, "CASES", (case,))
    (check,) = verify_signals(grace_seconds=30)
    assert check.result == "kept", check.numbers
    assert check.numbers.startswith("exit code 143 after ")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_signal() -> None:
    checks = verify_signals(grace_seconds=30)
    assert [check.numbers for check in checks if check.result != "kept"] == []


def test_no_grace_is_refused() -> None:
    with pytest.raises(ConfigError, match="grace is 0; allowed: more than 0 seconds"):
        verify_signals(grace_seconds=0)
