"""A small labelled set of real videos, and a run on it that takes seconds."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from videoswin.data.augment import Augment
from videoswin.model import SwinConfig
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.optimizer_config import OptimizerConfig, ScheduleConfig
from videoswin.values import ClipSpec

CLASSES = ("bright", "dark")
MICRO = SwinConfig(embed_dim=16, depths=(1, 1), num_heads=(1, 2), window=(2, 4, 4))
CLIP = ClipSpec(num_frames=4, stride=2, size=32)


def write_video(path: Path, *, brightness: int, seed: int) -> None:
    """12 frames of 32 x 32 noise around a brightness (0-255)."""
    random = np.random.default_rng(seed)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(12):
            noise = random.integers(-40, 41, size=(32, 32, 3))
            picture = (brightness + noise).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_videos(folder: Path, *, per_class: int) -> Path:
    """A folder with one subfolder of videos for each of CLASSES."""
    for label, brightness in zip(CLASSES, (190, 60), strict=True):
        (folder / label).mkdir(parents=True)
        for index in range(per_class):
            write_video(folder / label / f"{index}.mp4", brightness=brightness, seed=index)
    return folder


def micro_config(
    videos: Path,
    output: Path,
    *,
    val: Path | None = None,
    test: Path | None = None,
    views: str = "",
    weights: str = "",
    model: SwinConfig | None = MICRO,
    clip: ClipSpec | None = CLIP,
    epochs: int = 2,
    learning_rate: float = 3e-3,
    num_workers: int = 0,
    seed: int = 0,
) -> TrainConfig:
    """Trains MICRO from scratch in batches of 3. Without `val` a quarter of the videos is held out."""
    return TrainConfig(
        weights=weights,
        model=model,
        clip=clip,
        augment=Augment(crop_area=(0.5, 1.0)),
        data=DataConfig(
            train=str(videos),
            val="" if val is None else str(val),
            test="" if test is None else str(test),
            val_fraction=0.25,
            num_workers=num_workers,
        ),
        optimizer=OptimizerConfig(learning_rate=learning_rate, backbone_multiplier=1.0),
        schedule=ScheduleConfig(warmup_epochs=0.5),
        epochs=epochs,
        global_batch=3,
        micro_batch=3,
        views=views,
        seed=seed,
        output=str(output),
    )
