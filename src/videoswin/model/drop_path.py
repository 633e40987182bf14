"""Stochastic depth: in training, residual branches of whole samples are left out at random (Sec. 4.1).

What is kept is drawn apart from the branch that it is for: a branch that is compiled or computed again in the
backward pass so has no random numbers in it, and its rate, which differs from block to block, makes no
difference to what is compiled.

B samples.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Kept = Tensor | None
"""What is kept of a branch, see `DropPath.draw`."""


class DropPath(nn.Module):
    """Leaves out the branch of a sample with probability `rate`; the others are scaled up for it, so that the
    mean stays.

    skips: of a batch a fixed number of samples, about B x rate, is left out, and nothing is computed for
    them; without it all are computed and some multiplied by 0, each by a draw of its own. At least one is
    kept: a batch of 1 is always whole.
    """

    def __init__(self, rate: float, *, skips: bool = False) -> None:
        super().__init__()
        self.rate, self.skips = rate, skips

    def draw(self, x: Tensor) -> Kept:
        """What one branch keeps of x (B, ...), by the random generator of its device: the factors of the
        samples (B, 1, ...), with `skips` the numbers (k,) int64 of those that are computed; None is all."""
        if not self.training or self.rate == 0:
            return None
        if not self.skips:
            kept = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - self.rate)
            return kept.div_(1 - self.rate)
        num_kept = max(1, round(len(x) * (1 - self.rate)))
        return None if num_kept == len(x) else torch.randperm(len(x), device=x.device)[:num_kept]

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3f}" + (", skips=True" if self.skips else "")


def add_branch(x: Tensor, branch: Callable[[Tensor], Tensor], kept: Kept) -> Tensor:
    """x + branch(x) in the dtype of x or of the branch, whichever is wider; of samples that are not kept x
    alone. x (B, ...)."""
    if kept is None:
        return x + branch(x)
    if kept.is_floating_point():
        out = branch(x)
        return x + out * kept.to(out.dtype)
    out = branch(x[kept])  # (k, ...)
    return x.index_add(0, kept, out.to(x.dtype), alpha=len(x) / len(kept))
