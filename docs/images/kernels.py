"""Draws kernels.png from the tables that the kernels read: `python docs/images/kernels.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from videoswin.ops.triton.configs import default_config
from videoswin.ops.triton.plan import plan, row_size
from videoswin.values import Size3

GRID, WINDOW, SHIFT = Size3(1, 18, 25), Size3(1, 7, 7), Size3(0, 3, 3)
LENGTH = 392
COLOURS = plt.colormaps["tab10"]


def draw_boxes(axes: Axes) -> None:
    """Tokens of a grid coloured by block of bias, numbered by their place."""
    boxes = plan(GRID, window=WINDOW, shift=SHIFT, legacy_bias_index=False, device=torch.device("cpu"))
    rows = boxes.rows.tolist()
    for number, block in enumerate(boxes.blocks):
        for box in range(block.num_boxes):
            first = block.first + box * block.length
            places = [(rows[place], place) for place in range(first, first + block.length)]
            for row, place in places:
                if row >= 0:
                    y, x = divmod(row, GRID.w)
                    axes.add_patch(Rectangle((x, y), 1, 1, color=COLOURS(number), alpha=0.45, lw=0))
                    axes.text(x + 0.5, y + 0.5, str(place), ha="center", va="center", fontsize=3.6)
            real = [row for row, _ in places if row >= 0]
            x0, x1 = min(row % GRID.w for row in real), max(row % GRID.w for row in real)
            y0, y1 = min(row // GRID.w for row in real), max(row // GRID.w for row in real)
            axes.add_patch(Rectangle((x0, y0), x1 - x0 + 1, y1 - y0 + 1, fill=False, lw=1.2))
    axes.set(xlim=(-0.5, GRID.w + 0.5), ylim=(GRID.h + 0.5, -0.5), aspect="equal")
    axes.set_title(
        f"one frame of {GRID.h} x {GRID.w} tokens, window 7 x 7, shift 3:\none colour, one block of bias"
    )
    axes.axis("off")


def draw_tiles(axes: Axes) -> None:
    """The scores of a box as one program after the other walks over them."""
    config = default_config("forward", 32, torch.bfloat16)
    full = LENGTH // config.columns * config.columns
    for row in range(0, LENGTH, config.rows):
        for column in range(0, full, config.columns):
            axes.add_patch(Rectangle((column, row), config.columns, config.rows, fc="#9ecae1", ec="white"))
        axes.add_patch(Rectangle((full, row), row_size(LENGTH) - full, config.rows, fc="#fdae6b", ec="white"))
    axes.add_patch(Rectangle((0, 2 * config.rows), row_size(LENGTH), config.rows, fill=False, lw=2))
    axes.annotate("one program", (200, 2.5 * config.rows), ha="center", va="center")
    axes.add_patch(Rectangle((0, 0), LENGTH, LENGTH, fill=False, ls="--", lw=1))
    axes.set(xlim=(-8, 425), ylim=(460, -8), aspect="equal", xlabel="keys", ylabel="queries")
    axes.set_title(
        f"the {LENGTH} x {LENGTH} scores of a box of 8 x 7 x 7 tokens:\nfull tiles, then a step of 16 keys"
    )


def main() -> None:
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.6), width_ratios=(1.35, 1), layout="constrained"
    )
    draw_boxes(left)
    draw_tiles(right)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=130)


if __name__ == "__main__":
    main()
