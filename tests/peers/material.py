"""Networks of transformers at a size of milliseconds, and where torchvision is."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    PreTrainedModel,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VivitConfig,
    VivitForVideoClassification,
    VJEPA2Config,
    VJEPA2ForVideoClassification,
)

from videoswin.peers.config import PeerName
from videoswin.values import ClipSpec

FOLDER = os.environ.get("VIDEOSWIN_TORCHVISION", "")
needs_torchvision = pytest.mark.skipif(
    not FOLDER and find_spec("torchvision") is None,
    reason="torchvision is not installed, and VIDEOSWIN_TORCHVISION names no folder with it",
)

CLIP = ClipSpec(num_frames=4, stride=2, size=32)
_SIZE: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
SETTINGS: dict[PeerName, dict[str, Any]] = {
    "timesformer": _SIZE | {"intermediate_size": 24},
    "vivit": _SIZE | {"intermediate_size": 24},
    "videomae": _SIZE | {"intermediate_size": 24},
    "vjepa2": _SIZE
    | {"num_pooler_layers": 1, "pred_hidden_size": 12, "pred_num_attention_heads": 2}
    | {"pred_num_hidden_layers": 1},
}
KINDS: dict[PeerName, tuple[Any, Any, dict[str, int]]] = {
    "timesformer": (
        TimesformerConfig,
        TimesformerForVideoClassification,
        {"num_frames": 4, "image_size": 32},
    ),
    "vivit": (VivitConfig, VivitForVideoClassification, {"num_frames": 4, "image_size": 32}),
    "videomae": (VideoMAEConfig, VideoMAEForVideoClassification, {"num_frames": 4, "image_size": 32}),
    "vjepa2": (VJEPA2Config, VJEPA2ForVideoClassification, {"frames_per_clip": 4, "crop_size": 32}),
}


def library_model(name: PeerName, *, labels: tuple[str, ...], seed: int = 0) -> PreTrainedModel:
    """A random network of transformers as it is, for CLIP, whose scores differ."""
    torch.manual_seed(seed)
    config, kind, clip = KINDS[name]
    model: PreTrainedModel = kind(
        config(**SETTINGS[name], **clip, num_labels=len(labels), id2label=dict(enumerate(labels)))
    )
    with torch.no_grad():
        model.get_parameter("classifier.weight").normal_()
    return model.eval()


def write_folder(folder: Path, name: PeerName, *, labels: tuple[str, ...], seed: int = 0) -> Path:
    library_model(name, labels=labels, seed=seed).save_pretrained(folder)
    return folder


def find_torchvision() -> None:
    """Make the folder of VIDEOSWIN_TORCHVISION one that `import torchvision` looks into."""
    if FOLDER and FOLDER not in sys.path:
        sys.path.append(FOLDER)
