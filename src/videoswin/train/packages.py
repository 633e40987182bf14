"""The packages that only training needs."""

from __future__ import annotations

import importlib.util

from videoswin.errors import ConfigError

PACKAGES = ("lightning", "torchmetrics", "tensorboard", "matplotlib")


def require_packages() -> None:
    """Raise ConfigError, naming the way to install them, if packages of the extra `train` are missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"training needs {', '.join(missing)}: pip install 'videoswin[train]'")
