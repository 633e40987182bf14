"""What torch is really asked to compute, inside our operators too."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class Attention(NamedTuple):
    """One call of scaled_dot_product_attention."""

    q: Tensor
    k: Tensor
    v: Tensor
    mask: Tensor | None


class Recorder(TorchDispatchMode):
    """Follows every operator, also inside those of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[str] = []
        self.attentions: list[Attention] = []
        self.largest = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self.operators.append(func.name())
        if func.name().startswith("videoswin::"):
            return self._inside(func, args, kwargs)
        if func.name() == "aten::scaled_dot_product_attention":
            self.attentions.append(_attention(*args, **kwargs))
            with self:  # what it comes down to
                return func.decompose(*args, **kwargs)
        result = func(*args, **kwargs)
        sizes = [value.numel() for value in tree_iter(result) if isinstance(value, Tensor)]
        self.largest = max([self.largest, *sizes])
        return result

    def _inside(self, func: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        """Run an operator of ours, still following: at its kernel, since its front would come here again."""
        kernel = torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, args[0].device.type.upper()))
        with self:
            return func.redispatch(kernel, *args, **kwargs)


def _attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, *_: Any, **__: Any
) -> Attention:
    return Attention(q, k, v, attn_mask)
