"""Random erasing: one box of a clip becomes the mean pixel, the same in all frames (Zhong et al. 2017, arXiv
1708.04896). The Something-Something recipe of the paper uses it with probability 0.25 (paper.md section 7).

Legend: T frames, H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from videoswin.data.augment import MEAN_PIXEL
from videoswin.data.crops import Box

_NUM_TRIES = 10
_AREA = (0.02, 1 / 3)
_RATIO = (0.3, 1 / 0.3)


def random_erasing(frames: Tensor, *, probability: float, random: np.random.Generator) -> Tensor:
    """(T, H, W, 3) uint8 -> the same, with a box of MEAN_PIXEL at the given chance.

    Probability 0 draws no random numbers. The argument stays as it was.
    """
    # official: the box is zero after normalising. There MEAN_PIXEL is within 0.01 of zero; clips stay uint8.
    if probability == 0 or random.random() >= probability:
        return frames
    box = erasing_box(frames.shape[1], frames.shape[2], random)
    erased = frames.clone()
    rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
    erased[:, rows, columns] = torch.tensor(MEAN_PIXEL, dtype=torch.uint8)
    return erased


def erasing_box(height: int, width: int, random: np.random.Generator) -> Box:
    """A box smaller than the picture both ways. Its share of the picture is uniform in 0.02 .. 1/3, its
    height / width log-uniform in 0.3 .. 1/0.3 (the defaults of timm, which the official code uses).

    Of ten proposals the first that fits is placed at random; where none fits, the box is empty.
    """
    aspects = np.exp(random.uniform(np.log(_RATIO[0]), np.log(_RATIO[1]), size=_NUM_TRIES))
    areas = random.uniform(_AREA[0], _AREA[1], size=_NUM_TRIES) * height * width
    box_heights = np.round(np.sqrt(areas * aspects)).astype(int)
    box_widths = np.round(np.sqrt(areas / aspects)).astype(int)
    for box_height, box_width in zip(box_heights.tolist(), box_widths.tolist(), strict=True):
        if box_height < height and box_width < width:
            top = int(random.integers(height - box_height, endpoint=True))
            left = int(random.integers(width - box_width, endpoint=True))
            return Box(top=top, left=left, height=box_height, width=box_width)
    return Box(top=0, left=0, height=0, width=0)
