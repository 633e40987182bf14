"""A file with torchvision's names gives torchvision's logits.

torchvision is imported from the folder named by VIDEOSWIN_TORCHVISION (pip install --no-deps --target FOLDER
torchvision==0.28.0); without it the test skips.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from videoswin import weights
from videoswin.bench.peers import torchvision_model
from videoswin.model import SWIN_T, VideoSwin

FOLDER = os.environ.get("VIDEOSWIN_TORCHVISION", "")


@pytest.mark.skipif(not FOLDER, reason="VIDEOSWIN_TORCHVISION names no folder with torchvision")
@pytest.mark.parametrize(("backend", "tolerance"), [("reference", 0.0), ("boxes", 1e-5)])
def test_swin_t_at_224_px(tmp_path: Path, backend: str, tolerance: float) -> None:
    torch.manual_seed(0)
    peer = torchvision_model(FOLDER, SWIN_T, VideoSwin(SWIN_T).state_dict())
    torch.save(peer.state_dict(), tmp_path / "swin3d_t.pth")
    found = weights.read(tmp_path / "swin3d_t.pth")
    assert (found.source_format, found.config) == ("torchvision", SWIN_T)
    ours = weights.build(found, attention_backend=backend).eval()
    clips = torch.randn(1, 3, 32, 224, 224)
    with torch.inference_mode():
        assert (ours(clips) - peer(clips)).abs().max() <= tolerance
