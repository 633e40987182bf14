"""What is timed: one batch through the model, or one step of training, on clips that are there already."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videoswin.bench.device import CPU
from videoswin.bench.precisions import Arithmetic

Mode = Literal["inference", "training"]
Step = Callable[[Tensor], Tensor]
"""Clips to what arms are compared by: the logits, or the gradient of the patch embedding."""

LEARNING_RATE = 1e-4
WEIGHT_DECAY = 0.02
CALCULATIONS = {"inference": 1, "training": 3}
"""Multiply-adds of a step in those of a forward pass: the backward pass has two products for each of its."""
STEPS_BEFORE_THE_PEAK: dict[Mode, int] = {"inference": 1, "training": 2}
"""AdamW's moments are there from the second step on."""
INPUT_BYTES = 64 << 20
"""More than the second-level cache of an H200 (60 MB)."""
LEAST_SETS, MOST_SETS = 3, 16


def inference_step(model: nn.Module, arithmetic: Arithmetic) -> Step:
    infer = arithmetic.prepare(model.eval())

    def step(clips: Tensor) -> Tensor:
        with torch.inference_mode(), arithmetic.around():
            return infer(clips)

    return step


def training_step(model: nn.Module, arithmetic: Arithmetic) -> Step:
    """Forward, cross entropy, backward, AdamW. No drop path and no dropout: arms compute the same."""
    autocast = arithmetic.autocast
    assert autocast is not None
    model.train()
    # `fused`, the fastest, for all arms: an optimizer that is not the model's must not make its ratio.
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    (first,) = (p for name, p in model.named_parameters() if name.endswith("patch_embed.proj.weight"))

    def step(clips: Tensor) -> Tensor:
        with arithmetic.around():
            with autocast():
                logits = model(clips)
            labels = torch.arange(len(clips), device=clips.device) % logits.shape[1]
            F.cross_entropy(logits.float(), labels).backward()
        gradient = first.grad
        assert gradient is not None
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return gradient

    return step


STEPS: dict[Mode, Callable[[nn.Module, Arithmetic], Step]] = {
    "inference": inference_step,
    "training": training_step,
}


def random_clips(
    batch_size: int, size: tuple[int, int, int], device: torch.device = CPU, *, number: int = 0
) -> Tensor:
    """(B, 3, T, H, W), as normalised clips are: float, mean 0, deviation 1. `number` makes others; equal at
    every call. Made on a CPU, so that they are the same on every device."""
    generator = torch.Generator().manual_seed(1 + number)
    return torch.randn(batch_size, 3, *size, generator=generator).to(device)


def input_sets(batch_size: int, size: tuple[int, int, int], device: torch.device) -> list[Tensor]:
    """Several clips of `random_clips`, to be taken in turn: together more than the caches of a GPU hold, so
    that no round finds its input there."""
    count = num_sets(4 * batch_size * 3 * math.prod(size))
    return [random_clips(batch_size, size, device, number=number) for number in range(count)]


def num_sets(set_bytes: int) -> int:
    """How many inputs of this size to take in turn."""
    return min(max(-(-INPUT_BYTES // set_bytes), LEAST_SETS), MOST_SETS)
