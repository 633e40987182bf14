"""A 2D Swin's tensors as those of a Video Swin (paper Tables 8 and 9).

k is the temporal patch, P x M x N the 3D window, S the 2D window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from videoswin.errors import WeightsError
from videoswin.values import Size3
from videoswin.weights.formats import TABLE
from videoswin.weights.inflation import BiasInit, Inflation, PatchInit
from videoswin.weights.temporal import as_grid, resize_space, resize_time, square_side

PATCH = "patch_embed.proj.weight"
OTHER_FRAMES = -4.6
"""Bias between different frames under `center`, of the paper. A token then gives another frame's token
e^-4.6 = 1 % of the weight."""


def _inflate_patch(weight: Tensor, frames: int) -> Tensor:
    """A still clip gives what the picture gave."""
    return weight[:, :, None].repeat(1, 1, frames, 1, 1) / frames


def _center_patch(weight: Tensor, frames: int) -> Tensor:
    """The paper does not say which of two frames is the center; frames // 2 is ViViT's choice (Arnab et al.
    2021, Sec. 3.4)."""
    inflated = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
    inflated[:, :, frames // 2] = weight
    return inflated


def _duplicate_bias(table: Tensor, frames: int) -> Tensor:
    return resize_time(table, frames, offsets="keep")


def _center_bias(table: Tensor, frames: int) -> Tensor:
    inflated = table.new_full((2 * frames - 1, *table.shape[1:]), OTHER_FRAMES)
    inflated[frames - 1] = table[0]
    return inflated


# (out, in, 4, 4) and k -> (out, in, k, 4, 4)
PATCHES: dict[PatchInit, Callable[[Tensor, int], Tensor]] = {
    "inflate": _inflate_patch,
    "center": _center_patch,
}
# (1, 2M-1, 2N-1, heads) and P -> (2P-1, 2M-1, 2N-1, heads)
BIASES: dict[BiasInit, Callable[[Tensor, int], Tensor]] = {
    "duplicate": _duplicate_bias,
    "center": _center_bias,
}


def inflate(
    state_dict: Mapping[str, Tensor], *, inflation: Inflation, window: Size3 | None
) -> tuple[dict[str, Tensor], Size3, tuple[str, ...]]:
    """3D tensors from 2D ones under our names; the window they are for; what was done, a line a step.

    window: the whole 3D window; None takes the 2D one and `inflation.temporal_window`. The 2D classifier is
    dropped. Raises WeightsError for a patch embedding or a table of impossible shape, naming it.
    """
    tables = [name for name in state_dict if name.endswith(TABLE)]
    side = square_side(state_dict[tables[0]], name=tables[0]) if tables else 1
    window = window or Size3(inflation.temporal_window, side, side)
    classifier = [name for name in state_dict if name.startswith("head.")]
    inflated = {name: tensor for name, tensor in state_dict.items() if name not in classifier}
    patch = state_dict.get(PATCH, torch.empty(0))
    if patch.ndim != 4 or 0 in patch.shape:
        raise WeightsError(f"{PATCH} of a 2D model is {tuple(patch.shape)}; expected (C, 3, 4, 4)")
    inflated[PATCH] = PATCHES[inflation.patch](patch, inflation.temporal_patch)
    for name in tables:
        table = as_grid(state_dict[name], Size3(1, side, side), name=name)
        if window[1:] != (side, side):
            table = resize_space(table, window)
        inflated[name] = BIASES[inflation.bias](table, window.t).flatten(0, 2)
    copied = len(inflated) - len(tables) - 1
    steps = [
        f"{copied} tensors copied",
        f"patch embedding to {inflation.temporal_patch} frames ({inflation.patch})",
        f"{len(tables)} bias tables to {window.t} frames ({inflation.bias})",
    ]
    if window[1:] != (side, side):
        steps.append(
            f"{len(tables)} bias tables resized from {side}x{side} to {window.h}x{window.w} (bicubic)"
        )
    steps.append(f"{len(classifier)} tensors of the 2D classifier dropped")
    return inflated, window, tuple(steps)
