"""Peak memory of the activations of one clip, without computing anything: the real model runs on the meta
device, where tensors have sizes and no values, and the life of every storage is followed.

Counted are the tensors that the model and its backward pass make: not the parameters, not their gradients
once they are stored, not the clip. What a kernel takes for itself while it runs is not seen; on a CPU the
peak of the process agrees to 1 % (docs/parity.md).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from videoswin.model.config import SwinConfig
from videoswin.model.swin import VideoSwin
from videoswin.values import Size3


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivationMemory:
    """Peaks in bytes, in float32. training: forward and backward, without drop path, dropout or
    checkpointing."""

    inference: int
    training: int


def activation_memory(config: SwinConfig, clip: Size3) -> ActivationMemory:
    """Of one uint8 clip (frames, height, width in pixels), with the attention backend that
    `select_backend` chooses."""
    with torch.device("meta"):
        model = VideoSwin(config)
        dtype = torch.uint8 if config.in_channels == 3 else torch.float32
        pixels = torch.empty(1, config.in_channels, *clip, dtype=dtype)
    with _FusedOnMeta():
        return ActivationMemory(
            inference=peak_bytes(model, pixels, train=False), training=peak_bytes(model, pixels, train=True)
        )


def training_peak(model: nn.Module, clip: tuple[int, int, int]) -> int:
    """Bytes of the activations that one clip (frames, height, width in pixels) needs in a training step of
    `model`, which is on the meta device."""
    pixels = torch.empty(1, 3, *clip, dtype=torch.uint8, device="meta")
    with _FusedOnMeta():
        return peak_bytes(model, pixels, train=True)


def peak_bytes(model: nn.Module, clips: Tensor, *, train: bool) -> int:
    """The most bytes of activations that live at once while `model` sees `clips` (B, 3, T, H, W), on
    whatever device both are. Leaves the model in that mode, with no gradients."""
    model.train(train)
    # A gradient that is stored for the optimizer is no activation: it ends the moment it is complete.
    hooks = [p.register_post_accumulate_grad_hook(_forget_gradient) for p in model.parameters()]
    labels = torch.zeros(len(clips), dtype=torch.int64, device=clips.device)
    follow = _Storages(known=[*model.parameters(), clips, labels])
    with torch.set_grad_enabled(train), follow:
        logits = model(clips)
        if train:
            F.cross_entropy(logits, labels).backward()
    for hook in hooks:
        hook.remove()
    return follow.peak


def _forget_gradient(parameter: Tensor) -> None:
    parameter.grad = None


class _Storages(TorchDispatchMode):
    """Adds up the storages that operators return, each until it is freed. Views share one storage."""

    def __init__(self, *, known: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in known}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_iter(result):
            if isinstance(value, Tensor):
                self._follow(value.untyped_storage())
        self.peak = max(self.peak, self.live)
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.live += size
        weakref.finalize(storage, self._free, key, size).atexit = False

    def _free(self, key: int, size: int) -> None:
        self._known.remove(key)
        self.live -= size


class _FusedOnMeta(TorchFunctionMode):
    """Attention on the meta device as the fused kernel of a CPU does it; torch itself would take the path
    there that keeps all scores."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is F.scaled_dot_product_attention:
            func = _fused_attention
        return func(*args, **(kwargs or {}))


def _fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> Tensor:
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    out: Tensor = fused(q, k, v, dropout_p, is_causal, attn_mask=attn_mask, scale=scale)[0]
    return out
