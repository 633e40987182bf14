"""The packages that only the hub needs."""

from __future__ import annotations

import importlib.util

from videoswin.errors import ConfigError

PACKAGES = ("huggingface_hub", "transformers")


def require_packages() -> None:
    """Raise ConfigError, naming the way to install them, if packages of the extra `hub` are missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"the hub needs {', '.join(missing)}: pip install 'videoswin[hub]'")
