"""How a model is run, apart from what it computes. No torch here: the command line reads these for its
--help."""

from __future__ import annotations

from typing import Literal

Recompute = Literal["light", "mlp", "blocks"]
"""What the backward pass computes again instead of keeping it. Kept then is, in multiples of the memory of a
block's tokens, where plain layers keep 16:

- `light`: norms and GELU again, 10 kept. Products and attention are.
- `mlp`: also the hidden layer of the MLP, 6 kept.
- `blocks`: everything but the block's input, 1 kept.

A CPU does `light` anyway (recomputed.py), and so does a compiler, as far as it pays.
"""

Residual = Literal["fp32", "bf16"]
"""Of the sum that runs through all blocks, under autocast."""
