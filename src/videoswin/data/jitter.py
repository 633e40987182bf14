"""Colour jitter: brightness, contrast, saturation and hue of a clip, the same change for all its frames.

The functions are those of torchvision.transforms.v2.functional, to the bit, and the order is random as in its
ColorJitter.

Legend: T frames, H W pixels. Operations take and give (T, 3, H, W) uint8, contiguous.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from videoswin.data.randaugment import brightness, color, contrast


def color_jitter(frames: Tensor, *, largest: dict[str, float], random: np.random.Generator) -> Tensor:
    """(T, H, W, 3) uint8 -> the same shape, each operation of JITTER by a change uniform in -largest ..
    largest.

    largest: by the name of the operation, 0 for none. Where all are 0, no random numbers are drawn; else as
    many as there are operations, and their order.
    """
    if not any(largest.values()):
        return frames
    clip = frames.permute(0, 3, 1, 2).contiguous()  # (T, 3, H, W)
    names = list(JITTER)
    order = random.permutation(len(names))
    changes = {name: largest[name] * random.uniform(-1, 1) for name in names}
    for name in (names[place] for place in order):
        if largest[name]:
            clip = JITTER[name](clip, changes[name])
    return clip.permute(0, 2, 3, 1)  # (T, H, W, 3)


def hue(clip: Tensor, turn: float) -> Tensor:
    """Turn the hue by a share of its circle, -0.5 to 0.5; brightness and saturation (HSV) stay."""
    return torch.stack([_turned(frame, turn) for frame in clip])


def _turned(frame: Tensor, turn: float) -> Tensor:
    """One frame, (3, H, W): to hue, saturation and value, and back."""
    levels = frame.float().mul_(1 / 255)
    smallest, value = torch.aminmax(levels, dim=0)  # (H, W)
    spread = value - smallest
    is_grey = spread == 0
    one = torch.ones(())
    saturation = spread / torch.where(is_grey, one, value)
    sextant = (_hue(levels, value, torch.where(is_grey, one, spread)) + turn).remainder_(1.0).mul_(6)
    number = sextant.floor()
    part = saturation * (sextant - number)
    rest = 1.0 - saturation
    low, falling, rising = (amount.mul_(value).clamp_(0.0, 1.0) for amount in (rest, 1.0 - part, part + rest))
    choices = torch.stack((value, low, falling, rising))  # (4, H, W)
    picked = choices.gather(0, _CHOICE[:, number.long().remainder_(6)])  # (3, H, W)
    return picked.mul_(255 + 1.0 - 1e-3).to(torch.uint8)


# Which of (value, low, falling, rising) are red, green and blue in each sixth of the circle.
_CHOICE = torch.tensor([[0, 2, 1, 1, 3, 0], [3, 0, 0, 2, 1, 1], [1, 1, 3, 0, 0, 2]])


def _hue(levels: Tensor, value: Tensor, spread: Tensor) -> Tensor:
    """(H, W), 0 to 1: red 0, green 1/3, blue 2/3."""
    red, green, blue = ((value - levels) / spread).unbind()  # how far each is below the strongest
    of_green = red.add(2.0).sub_(blue)
    of_blue = green.add(4.0).sub_(red)
    others = torch.where(value == levels[1], of_green, of_blue)
    return torch.where(value == levels[0], blue - green, others).mul_(1 / 6).add_(1.0).fmod_(1.0)


JITTER: dict[str, Callable[[Tensor, float], Tensor]] = {
    "brightness": brightness,
    "contrast": contrast,
    "saturation": color,
    "hue": hue,
}
