"""A whole model, frozen: clips to logits on a CPU.

B clips, T H W frames and pixels, t h w token grid, K classes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.profiler import record_function

from videoswin.model.blocks import PatchMerging, SwinBlock, WindowAttention
from videoswin.model.frozen.block import FrozenLayer, FrozenNorm, Route, frozen_layers
from videoswin.model.frozen.edges import FrozenEmbedding, FrozenMerging
from videoswin.model.frozen.linear import FrozenPrecision
from videoswin.model.swin import Stage, VideoSwin
from videoswin.ops import select_backend
from videoswin.values import Size3

KEPT_ROUTES = 4
"""Sizes of clips whose indices are kept: a folder of videos has one, a benchmark some."""


class _Stage(NamedTuple):
    layers: list[FrozenLayer]
    merging: FrozenMerging | None


class _Routes(NamedTuple):
    """Of one stage. last: (B*t*h*w,) where every token lies after its layers."""

    layers: list[Route]
    last: Tensor
    merging: tuple[Tensor, Tensor] | None


class FrozenSwin(nn.Module):
    """What `model` computes in eval mode, several times faster on a CPU, with no gradients.

    A copy: later changes of the model's weights don't reach it. Weights are kept once, in the layout and
    precision they are used in; only `head` stays a parameter. Results differ from the model's by rounding.

    bf16: tokens, weights and products; sums, norms, softmax and the classifier are float32.
    """

    def __init__(self, model: VideoSwin, precision: FrozenPrecision = "fp32") -> None:
        super().__init__()
        self.config, self.precision = model.config, precision
        self.head = model.head
        self._embedding = FrozenEmbedding(model.patch_embed, precision)
        stages = cast(list[Stage], list(model.layers))
        self._stages = [_freeze(stage, stage.downsample, precision) for stage in stages]
        if model.temporal is not None:
            self._stages.append(_freeze(model.temporal, None, precision))
        self._norm = FrozenNorm(model.norm)
        self._routes: OrderedDict[tuple[int, Size3], list[_Routes]] = OrderedDict()

    def forward(self, clips: Tensor) -> Tensor:
        """(B, 3, T, H, W), uint8 RGB or normalised float -> logits (B, K) float32.

        Raises ValueError for another shape or dtype.
        """
        channels = self.config.in_channels
        if clips.ndim != 5 or clips.shape[1] != channels:
            raise ValueError(f"clips have shape {tuple(clips.shape)}; expected (B, {channels}, T, H, W)")
        if not (clips.is_floating_point() or (clips.dtype == torch.uint8 and channels == 3)):
            raise ValueError(f"clips are {clips.dtype}; expected float (normalised), or uint8 RGB (0-255)")
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            routes = self._routes_of(len(clips), self._embedding.grid(clips))
            with record_function("part: patch embedding"):
                x = self._embedding(clips)
            for stage, way in zip(self._stages, routes, strict=True):
                for layer, route in zip(stage.layers, way.layers, strict=True):
                    x = layer(x, route)
                if stage.merging is not None and way.merging is not None:
                    with record_function("part: merging"):
                        x = stage.merging(x, way.merging)
            tokens = x.index_select(0, routes[-1].last).float()
            pooled = self._norm(tokens).unflatten(0, (len(clips), -1)).mean(1)  # (B, C)
            with record_function("part: head"):
                return cast(Tensor, self.head(pooled))

    def _routes_of(self, batch_size: int, grid: Size3) -> list[_Routes]:
        key = (batch_size, grid)
        if key not in self._routes:
            self._routes[key] = list(self._make_routes(batch_size, grid))
        self._routes.move_to_end(key)
        while len(self._routes) > KEPT_ROUTES:
            self._routes.popitem(last=False)
        return self._routes[key]

    def _make_routes(self, batch_size: int, grid: Size3) -> list[_Routes]:
        made: list[_Routes] = []
        before: Tensor | None = None
        for stage in self._stages:
            layers = []
            for layer in stage.layers:
                route = layer.route(batch_size, grid, before)
                layers.append(route)
                before = route.places
            assert before is not None
            merging = None
            made.append(_Routes(layers, before, merging))
            if stage.merging is not None:
                made[-1] = made[-1]._replace(merging=stage.merging.source(batch_size, grid, before))
                grid, before = Size3(grid.t, -(-grid.h // 2), -(-grid.w // 2)), None
        return made


def can_freeze(model: VideoSwin) -> bool:
    """Whether all attention is computed as the backend `boxes` does it, the choice on a CPU: who asks for
    another backend gets it."""
    attentions = (module for module in model.modules() if isinstance(module, WindowAttention))
    return all(select_backend(attention.backend) == "boxes" for attention in attentions)


def _freeze(stage: Stage, merging: PatchMerging | None, precision: FrozenPrecision) -> _Stage:
    blocks = cast(list[SwinBlock], list(stage.blocks))
    layers = [layer for block in blocks for layer in frozen_layers(block, precision)]
    return _Stage(layers, None if merging is None else FrozenMerging(merging, precision))
