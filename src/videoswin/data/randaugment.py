"""RandAugment on clips: a few random operations, each the same for all frames of a clip (Cubuk et al. 2019,
arXiv 1909.13719). The Something-Something recipe of the paper uses it (paper.md section 7).

Operations and ranges are those of torchvision.transforms.v2.RandAugment, to the bit; torchvision itself asks
for one exact torch. Most operations are a table of 256 levels, so they cost milliseconds a clip.

official: imgaug. It also inverts, blurs and cuts out, draws without
replacement, crops up to 7/224 off each side, and flips half of the clips though the configuration asks for no
flip.

Legend: T frames, H W pixels. Operations take and give (T, 3, H, W) uint8, contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videoswin.data.augment import MAX_MAGNITUDE, MEAN_PIXEL

Row = tuple[float, float, float]


def rand_augment(frames: Tensor, *, num_ops: int, magnitude: int, random: np.random.Generator) -> Tensor:
    """(T, H, W, 3) uint8 -> the same shape after `num_ops` operations, drawn with replacement.

    magnitude: 0 to MAX_MAGNITUDE, the share of each operation's range; its sign is drawn where it has one.
    No operations draw no random numbers.
    """
    if num_ops == 0:
        return frames
    clip = frames.permute(0, 3, 1, 2).contiguous()  # (T, 3, H, W)
    for name, amount in choose(num_ops=num_ops, magnitude=magnitude, random=random):
        clip = OPERATIONS[name].apply(clip, amount)
    return clip.permute(0, 2, 3, 1)  # (T, H, W, 3)


def choose(*, num_ops: int, magnitude: int, random: np.random.Generator) -> list[tuple[str, float]]:
    """(name, amount) of each operation, in order of use. Two numbers are drawn per operation, whichever it
    is."""
    names, chosen = list(OPERATIONS), []
    for _ in range(num_ops):
        name, sign = names[int(random.integers(len(names)))], 1 - 2 * int(random.integers(2))
        amount = OPERATIONS[name].largest * magnitude / MAX_MAGNITUDE
        chosen.append((name, sign * amount if OPERATIONS[name].is_signed else amount))
    return chosen


class Operation(NamedTuple):
    """apply(clip, amount) with an amount from 0 to `largest`, or from -largest to largest."""

    apply: Callable[[Tensor, float], Tensor]
    largest: float
    is_signed: bool


def auto_contrast(clip: Tensor) -> Tensor:
    """Stretch each channel of each frame to 0 .. 255, at times 254; a channel of one value stays."""
    low = clip.amin(dim=(-2, -1)).float().unsqueeze(-1)  # (T, 3, 1)
    high = clip.amax(dim=(-2, -1)).float().unsqueeze(-1)
    scale = (high - low) * (1 / 255)
    tables = torch.where(high == low, _levels(), (_levels() - low) / scale.clamp(min=1 / 255))
    return _look_up(clip, _bytes(tables))


def equalize(clip: Tensor) -> Tensor:
    """Make the levels of each channel of each frame equally frequent, with Pillow's rounding."""
    counts = np.stack([np.bincount(plane, minlength=256) for plane in _planes(clip)])  # (T * 3, 256)
    brightest = 255 - (counts[:, ::-1] > 0).argmax(axis=1)[:, None]
    step = (counts.sum(axis=1, keepdims=True) - np.take_along_axis(counts, brightest, axis=1)) // 255
    below = np.cumsum(counts, axis=1) - counts  # pixels darker than each level
    tables = np.clip((below + step // 2) // np.maximum(step, 1), 0, 255)
    tables = np.where(step > 0, tables, np.arange(256))  # fewer than 255 pixels to spread: as it was
    return _look_up(clip, torch.from_numpy(tables.astype(np.uint8)).view(*clip.shape[:2], 256))


def solarize(clip: Tensor, share: float) -> Tensor:
    """Invert the brightest `share` of the levels."""
    levels = _levels()
    return _look_up(clip, _bytes(torch.where(levels >= 255 * (1 - share), 255 - levels, levels)))


def posterize(clip: Tensor, bits: float) -> Tensor:
    """Clear the lowest bits of each level; a broken number of them is rounded."""
    return clip & (0xFF << round(bits) & 0xFF)


def brightness(clip: Tensor, change: float) -> Tensor:
    """Multiply by 1 + change."""
    return _look_up(clip, _bytes(_levels().mul(1 + change)))


def contrast(clip: Tensor, change: float) -> Tensor:
    """Move away from the mean grey of each frame by the factor 1 + change."""
    mean = torch.stack([_grey(frame).mean() for frame in clip]).view(-1, 1, 1)  # (T, 1, 1)
    return _look_up(clip, _blend(_levels().expand(len(clip), 1, 256), mean, ratio=1 + change))


def color(clip: Tensor, change: float) -> Tensor:
    """Move each pixel away from its own grey by the factor 1 + change."""
    return torch.stack([_blend(frame, _grey(frame), ratio=1 + change) for frame in clip])


def sharpness(clip: Tensor, change: float) -> Tensor:
    """Move away from the 3 x 3 smoothed picture (weight 5 in the middle, 1 around it) by the factor 1 +
    change. The outermost pixels stay."""
    if min(clip.shape[-2:]) <= 2:
        return clip
    return torch.stack([_sharpen(frame, ratio=1 + change) for frame in clip])


def rotate(clip: Tensor, degrees: float) -> Tensor:
    """Turn counter-clockwise about the middle."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _move(clip, (cos, -sin, 0), (sin, cos, 0))


def shear_x(clip: Tensor, slope: float) -> Tensor:
    """Move each row left by slope times its distance from the top."""
    return _move(clip, (1, slope, slope * clip.shape[-2] / 2), (0, 1, 0))


def shear_y(clip: Tensor, slope: float) -> Tensor:
    """Move each column up by slope times its distance from the left."""
    return _move(clip, (1, 0, 0), (slope, 1, slope * clip.shape[-1] / 2))


def translate_x(clip: Tensor, share: float) -> Tensor:
    """Move right by a share of the width, in whole pixels."""
    return _move(clip, (1, 0, -int(share * clip.shape[-1])), (0, 1, 0))


def translate_y(clip: Tensor, share: float) -> Tensor:
    """Move down by a share of the height, in whole pixels."""
    return _move(clip, (1, 0, 0), (0, 1, -int(share * clip.shape[-2])))


OPERATIONS: dict[str, Operation] = {
    "identity": Operation(lambda clip, _: clip, 0, False),
    "auto_contrast": Operation(lambda clip, _: auto_contrast(clip), 0, False),
    "equalize": Operation(lambda clip, _: equalize(clip), 0, False),
    "rotate": Operation(rotate, 30, True),
    "solarize": Operation(solarize, 1, False),
    "color": Operation(color, 0.9, True),
    "posterize": Operation(posterize, 4, False),
    "contrast": Operation(contrast, 0.9, True),
    "brightness": Operation(brightness, 0.9, True),
    "sharpness": Operation(sharpness, 0.9, True),
    "shear_x": Operation(shear_x, 0.3, True),
    "shear_y": Operation(shear_y, 0.3, True),
    "translate_x": Operation(translate_x, 150 / 331, True),
    "translate_y": Operation(translate_y, 150 / 331, True),
}
"""All of the RandAugment paper (Fig. 2). No flip is among them: labels may name directions."""


def _move(clip: Tensor, row_x: Row, row_y: Row) -> Tensor:
    """Each pixel takes the one nearest to (row_x . (x, y, 1), row_y . (x, y, 1)), measured from the middle.

    Nearest, as in the RandAugment paper's code; what comes from outside is the mean pixel.
    """
    source = _sources(clip.shape[-2], clip.shape[-1], torch.tensor([row_x, row_y], dtype=torch.float32))
    moved = np.take(_planes(clip), source.clamp(min=0).flatten().numpy(), axis=1)
    fill = torch.tensor(MEAN_PIXEL, dtype=torch.uint8).view(3, 1, 1)
    return torch.where(source < 0, fill, torch.from_numpy(moved).view_as(clip))


def _sources(height: int, width: int, rows: Tensor) -> Tensor:
    """(H, W) int64: where each pixel comes from, y * W + x, or -1 from outside. rows: (2, 3) of _move.

    One picture whose pixels are their own positions is moved, and all frames follow it. Its arithmetic is
    torchvision's, so that points halfway between pixels round alike.
    """
    points = torch.ones(height, width, 3)
    points[..., 0] = torch.linspace((1 - width) * 0.5, (width - 1) * 0.5, steps=width)
    points[..., 1] = torch.linspace((1 - height) * 0.5, (height - 1) * 0.5, steps=height).unsqueeze(1)
    scaled = rows.T / torch.tensor([0.5 * width, 0.5 * height])  # (3, 2)
    grid = points.view(1, height * width, 3).bmm(scaled.unsqueeze(0)).view(1, height, width, 2)
    positions = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, 1, height, width)
    moved = F.grid_sample(positions, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved[0, 0].long() - 1


def _look_up(clip: Tensor, tables: Tensor) -> Tensor:
    """Every level through a table of 256: `tables` is uint8 and broadcasts to (T, 3, 256).

    numpy plane by plane: 4 ms for 32 frames of 224 px, where indexing in torch takes 50.
    """
    planes = _planes(clip)
    result = np.empty_like(planes)
    rows = tables.expand(*clip.shape[:2], 256).flatten(0, 1).numpy()
    for table, plane, out in zip(rows, planes, result, strict=True):
        np.take(table, plane, out=out, mode="clip")
    return torch.from_numpy(result).view_as(clip)


def _planes(clip: Tensor) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """(T, 3, H, W) -> (T * 3, H * W), a view."""
    return clip.flatten(0, 1).flatten(1).numpy()


def _levels() -> Tensor:
    return torch.arange(256, dtype=torch.float32)


def _grey(frames: Tensor) -> Tensor:
    """(..., 3, H, W) -> (..., 1, H, W) float32 of whole numbers, ITU-R 601 as Pillow has it."""
    red, green, blue = frames.unbind(-3)
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_().unsqueeze(-3)


def _blend(picture: Tensor, other: Tensor, *, ratio: float) -> Tensor:
    """ratio * picture + (1 - ratio) * other, cut to uint8."""
    return _bytes(picture.mul(ratio).add_(other, alpha=1 - ratio))


def _sharpen(frame: Tensor, *, ratio: float) -> Tensor:
    """One frame, (3, H, W). Sums of whole numbers are exact, so any order of adding rounds alike."""
    whole = frame.to(torch.int16)
    rows = whole[:, :-2] + whole[:, 1:-1] + whole[:, 2:]  # (3, H - 2, W)
    sums = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]  # (3, H - 2, W - 2)
    middle = whole[:, 1:-1, 1:-1]
    smooth = ((sums + 4 * middle) / 13).round_()
    result = frame.clone()
    result[:, 1:-1, 1:-1] = _bytes(middle.float().add_(smooth - middle, alpha=1 - ratio))
    return result


def _bytes(levels: Tensor) -> Tensor:
    """Cut to 0 .. 255 and drop the fraction, as Pillow and torchvision do."""
    return levels.clamp(0, 255).to(torch.uint8)
