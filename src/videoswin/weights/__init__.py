"""Weights: read, recognise, convert, inflate, check, save. Strict always; no pickle ever runs code.

Names are imported when they are first used, so that the configuration of a training run, which names an
`Inflation`, does not cost torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from videoswin.weights.inflation import Inflation

if TYPE_CHECKING:
    from videoswin.weights.designs import redesign
    from videoswin.weights.files import load, read, save, save_foreign
    from videoswin.weights.formats import FORMATS, convert, recognise
    from videoswin.weights.inspection import inspect
    from videoswin.weights.model import Weights, build

__all__ = [
    "FORMATS",
    "Inflation",
    "Weights",
    "build",
    "convert",
    "inspect",
    "load",
    "read",
    "recognise",
    "redesign",
    "save",
    "save_foreign",
]

_HOME = {
    "FORMATS": "formats",
    "convert": "formats",
    "recognise": "formats",
    "inspect": "inspection",
    "Weights": "model",
    "build": "model",
    "redesign": "designs",
    "load": "files",
    "read": "files",
    "save": "files",
    "save_foreign": "files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'videoswin.weights' has no attribute {name!r}")
    return getattr(importlib.import_module(f"videoswin.weights.{_HOME[name]}"), name)
