"""Small real videos and weights for the tests of prediction and evaluation."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import torch

from videoswin import weights
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec

CLIP = ClipSpec(num_frames=4, stride=1, size=32)
LABELS = ("jump", "run", "walk")


def write_video(path: Path, *, seed: int, num_frames: int = 10, height: int = 40, width: int = 56) -> Path:
    """A video of a few coloured blocks that move; every seed looks different."""
    random = np.random.default_rng(seed)
    canvas = random.integers(0, 256, (5, 7, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for index in range(num_frames):
            pixels = np.roll(canvas, (seed % 3) * index, axis=1)[:height, :width]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_page(path: Path) -> Path:
    """What a failed download leaves behind."""
    path.write_text("<!DOCTYPE html><html>404</html>")
    return path


def write_weights(
    path: Path, *, labels: tuple[str, ...] = LABELS, num_classes: int = 3, seed: int = 0
) -> Path:
    """A random micro model whose scores differ clearly from video to video."""
    torch.manual_seed(seed)
    model = VideoSwin(
        SwinConfig(embed_dim=16, depths=(1, 1), num_heads=(2, 2), window=(2, 4, 4), num_classes=num_classes)
    )
    with torch.no_grad():
        model.head.weight.mul_(100)
    weights.save(path, model, labels=labels, clip=CLIP, notes={})
    return path
