"""A 2D Swin in the plainest words: what the microsoft names mean, written down once more, for tests.

For grids that are whole windows or at most one window, without padding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.model import SwinConfig, VideoSwin


def random_state(
    *, width: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int, seed: int
) -> dict[str, Tensor]:
    """Tensors of a 2D Swin under microsoft's names, all random and large enough that each matters, with a
    classifier of 5 classes."""
    config = SwinConfig(
        embed_dim=width,
        depths=depths,
        num_heads=heads,
        window=(1, window, window),
        patch=(1, 4, 4),
        num_classes=5,
    )
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in VideoSwin(config).state_dict().items()}
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        scale = 1.0 if name.endswith("bias_table") else 0.3 if len(shape) == 1 else shape[1:].numel() ** -0.5
        state[name] = torch.randn(shape, generator=random) * scale
        if "norm" in name and name.endswith("weight"):
            state[name] += 1
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"].squeeze(2)
    return state


def features(state: dict[str, Tensor], image: Tensor, *, depths: tuple[int, ...], window: int) -> Tensor:
    """(B, 3, H, W) -> (B, h, w, C) after the last norm."""
    x = F.conv2d(image, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=4)
    x = _norm(x.permute(0, 2, 3, 1), state, "patch_embed.norm")
    for stage, depth in enumerate(depths):
        for block in range(depth):
            name, side = f"layers.{stage}.blocks.{block}.", min(window, x.shape[1])
            shift = window // 2 if block % 2 and x.shape[1] > window else 0
            x = x + _attention(_norm(x, state, f"{name}norm1"), state, name, window, side, shift)
            hidden = F.gelu(_linear(_norm(x, state, f"{name}norm2"), state, f"{name}mlp.fc1"))
            x = x + _linear(hidden, state, f"{name}mlp.fc2")
        if stage + 1 < len(depths):
            merging = f"layers.{stage}.downsample."
            parts = [x[:, i::2, j::2] for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))]
            x = _norm(torch.cat(parts, -1), state, f"{merging}norm") @ state[f"{merging}reduction.weight"].T
    return _norm(x, state, "norm")


def _attention(x: Tensor, state: dict[str, Tensor], name: str, window: int, side: int, shift: int) -> Tensor:
    table = state[f"{name}attn.relative_position_bias_table"]
    heads, out = table.shape[1], torch.zeros_like(x)
    rolled = x.roll((-shift, -shift), (1, 2))
    cells = [(i, j) for i in range(side) for j in range(side)]
    rows = [
        [(a - c + window - 1) * (2 * window - 1) + b - d + window - 1 for c, d in cells] for a, b in cells
    ]
    bias = table[torch.tensor(rows)].permute(2, 0, 1)
    for top in range(0, x.shape[1], side):
        for left in range(0, x.shape[2], side):
            tokens = rolled[:, top : top + side, left : left + side].flatten(1, 2)
            qkv = _linear(tokens, state, f"{name}attn.qkv").unflatten(-1, (3, heads, -1))
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            scores = q @ k.mT * q.shape[-1] ** -0.5 + bias + _mask(x.shape[1], top, left, side, shift)
            mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
            mixed = _linear(mixed, state, f"{name}attn.proj").unflatten(1, (side, side))
            out[:, top : top + side, left : left + side] = mixed
    return out.roll((shift, shift), (1, 2))


def _mask(size: int, top: int, left: int, side: int, shift: int) -> Tensor:
    """0 between neighbours of the picture, -inf between tokens that the roll brought together."""
    regions = torch.zeros(side, side)
    for i in range(side):
        for j in range(side):
            wrapped = (shift > 0 and top + i >= size - shift, shift > 0 and left + j >= size - shift)
            regions[i, j] = 2 * wrapped[0] + wrapped[1]
    region = regions.flatten()
    return torch.zeros(side**2, side**2).masked_fill(region[:, None] != region[None], float("-inf"))


def _norm(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])


def _linear(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
