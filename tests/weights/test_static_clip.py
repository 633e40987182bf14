"""A clip of one repeated picture through an inflated model gives what the 2D model gives for the picture, in
every frame: with every source library, and against a plain 2D Swin written down in plain2d.py.

It holds where time needs no padding, which the window is chosen for here: padded frames are tokens that a
picture does not have.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.weights import plain2d
from videoswin import weights
from videoswin.values import Size3
from videoswin.weights import Inflation, inflate
from videoswin.weights.flat import FLAT_FORMATS, to_flat

DEPTHS, HEADS = (2, 2), (2, 4)
IMAGE = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(1))


def video_features(path: Path, image: Tensor, frames: int, **options: object) -> Tensor:
    """(B, t, h, w, C) of a clip of one repeated picture."""
    model = weights.load(path, num_classes=2, **options)  # type: ignore[arg-type]
    with torch.no_grad():
        return model.features(image[:, :, None].expand(-1, -1, frames, -1, -1))[-1]


def largest_difference(video: Tensor, picture: Tensor) -> float:
    return float((video - picture[:, None]).abs().max())


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return plain2d.random_state(width=16, depths=DEPTHS, heads=HEADS, window=7, seed=0)


@pytest.fixture(scope="module")
def picture(state: dict[str, Tensor]) -> Tensor:
    return plain2d.features(state, IMAGE, depths=DEPTHS, window=7)


@pytest.mark.parametrize("name", list(FLAT_FORMATS))
@pytest.mark.parametrize("patch", ["inflate", "center"])
def test_every_naming_of_a_plain_swin(state, picture, tmp_path, name, patch):
    save_file(
        {k: v.contiguous() for k, v in to_flat(state, target=name).items()}, tmp_path / "2d.safetensors"
    )
    # 8 frames are 4 tokens in time: two windows of 2, and shifted ones.
    inflation = Inflation(patch=patch, temporal_window=2)
    video = video_features(tmp_path / "2d.safetensors", IMAGE, 8, inflation=inflation)
    assert video.shape == (2, 4, 7, 7, 32)
    assert largest_difference(video, picture) < 1e-5


@pytest.mark.parametrize(
    ("temporal_patch", "temporal_window", "frames"),
    [(2, 8, 16), (2, 8, 6), (1, 3, 6), (4, 2, 16), (2, 16, 32)],
)
def test_any_patch_and_window_in_time(state, picture, tmp_path, temporal_patch, temporal_window, frames):
    torch.save({"model": state}, tmp_path / "2d.pth")
    inflation = Inflation(temporal_patch=temporal_patch, temporal_window=temporal_window)
    video = video_features(tmp_path / "2d.pth", IMAGE[:1], frames, inflation=inflation)
    assert video.shape[1] == frames // temporal_patch
    assert largest_difference(video, picture[:1]) < 1e-5


@pytest.mark.parametrize("frames", [2, 6, 32])
def test_factorized_starts_as_the_picture_in_every_frame(state, picture, tmp_path, frames):
    """Whatever the bias between frames: there is none yet, the gate is 0. Nor is time ever padded."""
    torch.save({"model": state}, tmp_path / "2d.pth")
    found = weights.read(tmp_path / "2d.pth", inflation=Inflation(bias="center"), window=Size3(4, 7, 7))
    found = weights.redesign(found, replace(found.config, design="factorized"))
    model = weights.build(found, num_classes=2).eval()
    with torch.no_grad():
        video = model.features(IMAGE[:1, :, None].expand(-1, -1, frames, -1, -1))[-1]
    assert video.shape[1] == frames // 2
    assert largest_difference(video, picture[:1]) < 1e-5


def test_center_bias_differs_by_the_documented_value_alone(state, picture, tmp_path, monkeypatch):
    torch.save({"model": state}, tmp_path / "2d.pth")
    center = Inflation(bias="center")

    def difference(frames: int) -> float:
        video = video_features(tmp_path / "2d.pth", IMAGE[:1], frames, inflation=center)
        return largest_difference(video, picture[:1])

    assert difference(2) < 1e-5  # one token in time: there are no other frames
    assert 1e-3 < difference(16) < 0.1  # measured 0.026; the features are of the size of 1
    monkeypatch.setattr(inflate, "OTHER_FRAMES", -1e4)
    assert difference(16) < 1e-5


def test_resized_window_is_the_2d_model_with_that_window(state, tmp_path):
    """A table that is constant within a head is the same for every window."""
    flat = {
        name: tensor[:1].expand_as(tensor).contiguous() if name.endswith("bias_table") else tensor
        for name, tensor in state.items()
    }
    torch.save({"model": flat}, tmp_path / "2d.pth")
    other = {name: tensor[:49] if name.endswith("bias_table") else tensor for name, tensor in flat.items()}
    image = IMAGE[:1, :, :32, :32]
    video = video_features(tmp_path / "2d.pth", image, 4, window=Size3(2, 4, 4))
    assert largest_difference(video, plain2d.features(other, image, depths=DEPTHS, window=4)) < 1e-5


@pytest.mark.parametrize("size", [56, 64])  # 64: windows are padded in space
@pytest.mark.parametrize("kept_as", ["folder", "modules"])
def test_transformers_swin(tmp_path, size, kept_as):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(2)
    config = transformers.SwinConfig(
        image_size=size, embed_dim=16, depths=list(DEPTHS), num_heads=list(HEADS), window_size=7
    )
    model = transformers.SwinForImageClassification(config).eval()
    for name, parameter in model.named_parameters():
        if "relative_position_bias" in name:
            torch.nn.init.normal_(parameter)
    if kept_as == "folder":
        model.save_pretrained(tmp_path)
        path, name = tmp_path / "model.safetensors", "huggingface"
    else:
        path, name = tmp_path / "modules.safetensors", "huggingface5"
        save_file(model.state_dict(), path)
    assert weights.read(path).source_format == name
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = model.swin(image).last_hidden_state
    video = video_features(path, image, 8, inflation=Inflation(temporal_window=2))
    assert largest_difference(video.flatten(2, 3), expected) < 1e-5


TORCHVISION = """
import sys, torch
from videoswin.bench.peers import import_torchvision
import_torchvision(sys.argv[1])
from torchvision.models.swin_transformer import SwinTransformer
torch.manual_seed(4)
model = SwinTransformer([4, 4], 16, [2, 2], [2, 4], [7, 7], stochastic_depth_prob=0.0).eval()
for name, parameter in model.named_parameters():
    if "relative_position_bias" in name:
        torch.nn.init.normal_(parameter)
image = torch.randn(1, 3, 64, 64)
with torch.no_grad():
    expected = model.norm(model.features(image))
torch.save(model.state_dict(), sys.argv[2] + "/2d.pth")
torch.save({"image": image, "expected": expected}, sys.argv[2] + "/expected.pt")
"""


def test_torchvision_swin(tmp_path):
    folder = os.environ.get("VIDEOSWIN_TORCHVISION")
    if not folder:
        pytest.skip("VIDEOSWIN_TORCHVISION names no folder with torchvision")
    # In a process of its own: a torchvision that is half there disturbs other libraries.
    subprocess.run([sys.executable, "-c", TORCHVISION, folder, str(tmp_path)], check=True)
    found = torch.load(tmp_path / "expected.pt", weights_only=True)
    assert weights.read(tmp_path / "2d.pth").source_format == "torchvision2d"
    video = video_features(tmp_path / "2d.pth", found["image"], 8, inflation=Inflation(temporal_window=2))
    assert largest_difference(video, found["expected"]) < 1e-5
