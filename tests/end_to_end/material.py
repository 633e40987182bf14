"""A training run of seconds, as the command line takes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MICRO = """
model: {embed_dim: 16, depths: [1, 1], num_heads: [1, 2], window: [2, 4, 4]}
clip: {num_frames: 4, stride: 2, size: 32}
optimizer: {learning_rate: 1.0e-3, backbone_multiplier: 1.0, max_gradient_norm: 1.0}
schedule: {warmup_epochs: 0.5}
global_batch: 5
micro_batch: 2
ema_decay: 0.9
loggers: []
checkpoint: {updates: 1}
"""
"""Two updates an epoch of six videos: of five clips in three turns, and of the one that is left."""


def write_recipe(folder: Path, videos: Path, *, epochs: int, more: str = "") -> Path:
    """More: lines of YAML."""
    recipe = folder / "recipe.yaml"
    data = f"data: {{train: {videos}, val_fraction: 0.25, num_workers: 0}}\n"
    recipe.write_text(f"{MICRO}{data}epochs: {epochs}\n{more}")
    return recipe


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`videoswin ARGUMENTS`, on one thread."""
    return subprocess.Popen(
        [sys.executable, "-m", "videoswin.cli.main", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same to its end."""
    started = start(*arguments, **environment)
    out, err = started.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, started.returncode, out, err)
