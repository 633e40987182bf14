"""The packages that only training needs."""

from __future__ import annotations

from videoswin.packages import require

PACKAGES = ("lightning", "torchmetrics", "tensorboard", "matplotlib")


def require_packages() -> None:
    """Raise ConfigError, naming the way to install them, if packages of the extra `train` are missing."""
    require(PACKAGES, purpose="training", extra="train")
