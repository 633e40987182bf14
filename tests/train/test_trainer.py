from __future__ import annotations

import logging
import warnings

import pytest

from videoswin.train.trainer import quiet_lightning


def test_other_warnings_of_lightning_still_show() -> None:
    with pytest.warns(UserWarning, match="something new"), quiet_lightning():
        warnings.warn("something new", stacklevel=1)


def test_lightning_speaks_again_after_the_run() -> None:
    before = logging.getLogger("lightning.pytorch").level
    with quiet_lightning():
        assert logging.getLogger("lightning.pytorch").level == logging.WARNING
    assert logging.getLogger("lightning.pytorch").level == before
