"""The blocks of a model, compiled one by one: what is compiled once serves every block like it."""

from __future__ import annotations

import torch._dynamo
from torch import nn

from videoswin.model.blocks import SwinBlock

VARIANTS = 64
"""Of a block that torch keeps: 4 widths x shifted or not x training or not x a smaller last batch is 32.
By itself it gives up after 8 and goes on uncompiled."""


def compile_blocks(model: nn.Module) -> None:
    """Make every SwinBlock compile at its first call, for each shape anew. Names and weights stay."""
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
    for block in model.modules():
        if isinstance(block, SwinBlock):
            block.compile(dynamic=False)
