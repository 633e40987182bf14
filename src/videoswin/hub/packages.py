"""The packages that only the hub needs."""

from __future__ import annotations

from videoswin.packages import require

PACKAGES = ("huggingface_hub", "transformers")


def require_packages() -> None:
    """Raise ConfigError, naming the way to install them, if packages of the extra `hub` are missing."""
    require(PACKAGES, purpose="the hub", extra="hub")
