"""The packages that peers need, and torchvision beside a torch without CUDA."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import torch

from videoswin.errors import ConfigError
from videoswin.packages import require
from videoswin.peers.config import PEERS, PeerName


def require_library(name: PeerName) -> None:
    """Raise ConfigError, naming the way to install it, if the library of this peer is missing or cannot load.

    To be called before Lightning or torchmetrics are imported: they import a torchvision that is there, and
    fail on one that `import_torchvision` can load.
    """
    library = PEERS[name].library
    require((library,), purpose=f"the peer {name}", extra="peers")
    if library == "torchvision":
        import_torchvision()


def import_torchvision() -> Any:
    """torchvision's video models.

    Wheels that are linked to CUDA cannot load beside a CPU build of torch until the two operators that they
    register have a schema; the video models use neither. Raises ConfigError if torchvision cannot load.
    """
    try:
        return importlib.import_module("torchvision.models.video")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise ConfigError(f"torchvision cannot be imported: {error}") from error
    except ImportError as error:
        raise ConfigError(f"torchvision cannot be imported: {error}") from error
    _define_operators()
    return importlib.import_module("torchvision.models.video")


@functools.cache
def _define_operators() -> torch.library.Library:
    """Schemas without code. Kept, as they last as long as the object that defined them."""
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
