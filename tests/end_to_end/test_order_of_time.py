"""Classes that differ by the order of time alone: which designs can tell them apart (Sec. 4.3).

Real videos, `videoswin ablate designs`, patches of one frame: any frame of a clip that grows brighter may be
one of a clip that grows darker. What attends to space only, or to time without a bias, computes the same for
both and stays at chance; joint attention and factorized attention with a temporal bias learn it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
import pytest

from videoswin.cli.main import main

CLASSES = ("brighter", "darker")
NUM_FRAMES, SIDE = 4, 32


def write_clip(path: Path, *, is_rising: bool, random: np.random.Generator) -> None:
    """A random texture whose brightness moves evenly between two random levels."""
    texture = random.uniform(0, 100, size=(4, 4, 3)).repeat(8, axis=0).repeat(8, axis=1)
    low = random.uniform(0, 60)
    levels = np.linspace(low, low + random.uniform(40, 100), NUM_FRAMES)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=4, options={"crf": "10"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for level in levels if is_rising else levels[::-1]:
            picture = (texture + level + random.normal(0, 8, texture.shape)).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_set(folder: Path, *, per_class: int, seed: int) -> Path:
    random = np.random.default_rng(seed)
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for index in range(per_class):
            write_clip(folder / label / f"{index:03d}.mp4", is_rising=label == "brighter", random=random)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_space_alone_stays_at_chance_where_joint_and_factorized_do_not(tmp_path: Path, capsys) -> None:
    train = write_set(tmp_path / "train", per_class=200, seed=0)
    test = write_set(tmp_path / "test", per_class=100, seed=1)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"""
model: {{embed_dim: 32, depths: [2, 2], num_heads: [2, 4], window: [4, 4, 4], patch: [1, 4, 4]}}
clip: {{num_frames: {NUM_FRAMES}, stride: 1, size: {SIDE}}}
augment: {{crop_area: [0.8, 1.0], flip_probability: 0.5}}
data: {{train: {train}, val: {test}, num_workers: 0}}
optimizer: {{learning_rate: 2.0e-3, backbone_multiplier: 1.0, max_gradient_norm: 1.0}}
schedule: {{warmup_epochs: 2}}
epochs: 12
global_batch: 8
drop_path_rate: 0.0
head_dropout: 0.0
views: 1x1
"""
    )
    only = "[joint,factorized-temporal-bias,factorized,spatial-only]"
    output = tmp_path / "ablation"
    arguments = ["ablate", "designs", "--run", str(recipe), "--output", str(output), "--only", only]
    assert main([*arguments, "--pairs", "[brighter:darker]"]) == 0
    with capsys.disabled():
        print((output / "table.md").read_text())
    with (output / "table.csv").open() as file:
        top1 = {row["setting"]: float(row["top1_mean"]) for row in csv.DictReader(file)}
    for name in ("joint", "factorized-temporal-bias"):
        assert top1[name] > 0.8, (name, top1)
    # 200 videos, 3 seeds: the deviation of the mean of chance is 0.02.
    for name in ("spatial-only", "factorized"):
        assert 0.4 < top1[name] < 0.6, (name, top1)
