from __future__ import annotations

import pytest

from videoswin.errors import ConfigError
from videoswin.packages import require


def test_missing_packages_are_named_with_the_extra_that_brings_them() -> None:
    with pytest.raises(
        ConfigError, match=r"^this test needs no_such_a, no_such_b: pip install 'videoswin\[train\]'$"
    ):
        require(("no_such_a", "torch", "no_such_b"), purpose="this test", extra="train")
