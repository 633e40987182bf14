"""videoswin: the Video Swin Transformer (arXiv 2106.13230), to train, to evaluate as the paper does, and to
use.

>>> import videoswin
>>> predictor = videoswin.Predictor("weights.safetensors")
>>> predictor("clip.mp4").top(5)

Names are imported when they are first used, so that `import videoswin` and `videoswin --help` cost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoswin import ops, weights
    from videoswin.model import SWIN_B, SWIN_L, SWIN_L_384, SWIN_S, SWIN_T, SwinConfig, VideoSwin
    from videoswin.predict import Predictor
    from videoswin.values import ClipSpec, Prediction, Views
    from videoswin.weights import load

__all__ = [
    "ClipSpec",
    "Prediction",
    "Predictor",
    "SWIN_B",
    "SWIN_L",
    "SWIN_L_384",
    "SWIN_S",
    "SWIN_T",
    "SwinConfig",
    "VideoSwin",
    "Views",
    "load",
    "ops",
    "weights",
]

_HOME = {
    "ClipSpec": "videoswin.values",
    "Prediction": "videoswin.values",
    "Views": "videoswin.values",
    "Predictor": "videoswin.predict",
    "SWIN_B": "videoswin.model",
    "SWIN_L": "videoswin.model",
    "SWIN_L_384": "videoswin.model",
    "SWIN_S": "videoswin.model",
    "SWIN_T": "videoswin.model",
    "SwinConfig": "videoswin.model",
    "VideoSwin": "videoswin.model",
    "load": "videoswin.weights",
}
_PACKAGES = ("ops", "weights")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("videoswin")
    if name in _PACKAGES:
        return importlib.import_module(f"videoswin.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'videoswin' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
