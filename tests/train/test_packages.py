from __future__ import annotations

import sys

import pytest

from videoswin.errors import ConfigError
from videoswin.train.packages import require_packages


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lightning", "tensorboard"):
        for module in [module for module in sys.modules if module.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    with pytest.raises(
        ConfigError, match=r"^training needs lightning, .*: pip install 'videoswin\[train\]'$"
    ):
        require_packages()
