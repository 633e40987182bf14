"""Models and inputs of the golden files: outputs of the official code in float64
(tests/fixtures/golden/README.md)."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import NamedTuple

import safetensors
import torch
from torch import Tensor

from videoswin.model import SwinConfig, VideoSwin
from videoswin.weights import convert

FOLDER = Path(__file__).parents[1] / "fixtures" / "golden"


class Golden(NamedTuple):
    config: SwinConfig
    clips: Tensor
    """(B, 3, T, H, W) float64, normalised."""
    expected: dict[str, Tensor]
    metadata: dict[str, str]


def read(name: str) -> Golden:
    with safetensors.safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        metadata = file.metadata()
        expected = {key: file.get_tensor(key) for key in file.keys()}
    config = SwinConfig(
        embed_dim=int(metadata["embed_dim"]),
        depths=tuple(json.loads(metadata["depths"])),
        num_heads=tuple(json.loads(metadata["num_heads"])),
        window=tuple(json.loads(metadata["window_size"])),
        patch=tuple(json.loads(metadata["patch_size"])),
        patch_norm=metadata["patch_norm"] == "True",
        num_classes=int(metadata["num_classes"]),
    )
    return Golden(config, _random(name, json.loads(metadata["input_shape"])), expected, metadata)


def model(config: SwinConfig, *, backend: str, dtype: torch.dtype) -> VideoSwin:
    """The model with the weights that follow from the golden recipe, in eval mode."""
    with torch.device("meta"):
        empty = VideoSwin(config, attention_backend=backend)
    official = convert(
        {key: torch.empty(value.shape) for key, value in empty.state_dict().items()}, to="official"
    )
    drawn = {key: _draw(key, value.shape) for key, value in official.items() if value.is_floating_point()}
    empty.load_state_dict(
        {key: value.to(dtype) for key, value in convert(drawn, to="videoswin").items()},
        strict=True,
        assign=True,
    )
    return empty.eval()


def _draw(key: str, shape: torch.Size) -> Tensor:
    r = _random(key, shape)
    if "relative_position_bias_table" in key:
        return 0.5 * r
    if "norm" in key:
        return 1 + 0.1 * r if key.endswith("weight") else 0.1 * r
    return 0.1 * r if key.endswith("bias") else r / r[0].numel() ** 0.5


def _random(name: str, shape: list[int] | torch.Size) -> Tensor:
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)


def official_gradients(model: VideoSwin) -> dict[str, Tensor]:
    """Gradient of every parameter, by its official name."""
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return convert(gradients, to="official")
