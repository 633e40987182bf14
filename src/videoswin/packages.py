"""Packages that only one part needs: named, with the way to install them, before the first import fails."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from videoswin.errors import ConfigError


def require(packages: Sequence[str], *, purpose: str, extra: str) -> None:
    """Raise ConfigError if one of the packages that `purpose` needs is missing; `extra` brings them."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"{purpose} needs {', '.join(missing)}: pip install 'videoswin[{extra}]'")
