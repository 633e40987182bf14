"""The whole of `videoswin verify ranks`; tests/end_to_end/test_ranks.py has a short version."""

from __future__ import annotations

import pytest

from videoswin.verify.ranks import verify_ranks


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_g14_two_processes_keep_every_promise() -> None:
    checks = verify_ranks()
    assert [check.numbers for check in checks if check.result != "kept"] == []
    assert len(checks) == 9
