"""The blocks of a model, compiled one by one: what is compiled once serves every block like it.

A stage has two kinds, shifted and not, so a model is two graphs a stage, whatever its depth. Weights come in
from outside, as do the draws of stochastic depth (drop_path.py). The size of clips is fixed in a graph; their
number is not, but for the backend `boxes`, and but for one clip alone, which torch always makes a case of its
own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch._dynamo
from torch import Tensor, nn

from videoswin.model.blocks import SwinBlock
from videoswin.model.drop_path import Kept

VARIANTS = 64
"""Graphs of a block that torch keeps: 4 widths x shifted or not x training or not x one clip or several is
32. By itself it gives up after 8 and goes on uncompiled."""


def compile_blocks(model: nn.Module, *, backend: str | Callable[..., Any] = "inductor") -> int:
    """Make every SwinBlock compile at its first call. Names and weights stay. Returns how many blocks there
    are. backend: as torch.compile takes it."""
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
    compiled = torch.compile(SwinBlock.add_branches, dynamic=False, backend=backend)
    blocks = [module for module in model.modules() if isinstance(module, SwinBlock)]
    drops = any(block.drop_path.rate for block in blocks)

    def run(block: SwinBlock, x: Tensor, kept: tuple[Kept, ...]) -> Tensor:
        if drops and block.training and not block.drop_path.skips:
            kept = tuple(_factors(x, some) for some in kept)
        if not _unrolls_clips(block, x):
            for batch in (x, *kept):
                if batch is not None:
                    torch._dynamo.maybe_mark_dynamic(batch, 0)
        return compiled(block, x, kept)

    for block in blocks:
        block.run = run
    return len(blocks)


def _factors(x: Tensor, kept: Kept) -> Tensor:
    """The first block, which drops nothing, is as the others: a graph less."""
    return x.new_ones(len(x), *[1] * (x.ndim - 1)) if kept is None else kept


def _unrolls_clips(block: SwinBlock, x: Tensor) -> bool:
    """Whether attention is a loop over the clips, not one operator: with `boxes`, the choice on a CPU."""
    backend = block.attn.backend
    return backend == "boxes" or (backend is None and x.device.type != "cuda")
