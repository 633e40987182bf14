from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from videoswin.errors import ConfigError


def test_missing_packages_are_named_before_they_are_imported(hub: Any) -> None:
    """In a process of its own: here transformers may be loaded already."""
    code = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "transformers" else find(name, *rest)
import videoswin.hub
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 1
    last = finished.stderr.splitlines()[-1]
    assert last.endswith("ConfigError: the hub needs transformers: pip install 'videoswin[hub]'")


def test_the_error_is_a_config_error(monkeypatch: pytest.MonkeyPatch, hub: Any) -> None:
    from videoswin.hub import packages

    monkeypatch.setattr(packages, "PACKAGES", ("transformers", "a_package_that_nobody_has"))
    with pytest.raises(ConfigError, match=r"^the hub needs a_package_that_nobody_has: pip install"):
        packages.require_packages()
