"""`videoswin cost`: parameters and multiply-adds by stage."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal

from videoswin.cli.parse import call
from videoswin.errors import ConfigError

if TYPE_CHECKING:
    from videoswin.model.cost import Cost


def main(arguments: list[str]) -> int:
    return call(show, arguments, prog="videoswin cost")


def show(
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384"],
    *,
    frames: int = 32,
    size: int = 0,
    window: tuple[int, int, int] | None = None,
    patch: tuple[int, int, int] | None = None,
    num_classes: int = 400,
    json: bool = False,
) -> int:
    """Print parameters and multiply-adds (the paper's "FLOPs") of a model for one clip, by stage and part.

    Args:
        variant: Which published size.
        frames: Frames of the clip.
        size: Height and width of the clip in pixels; 0 is what the variant was published for (224, or 384).
        window: Attention window in tokens, for example [16,7,7]; the variant's own if not given.
        patch: Frames and pixels a token, for example [4,4,4]; the variant's own if not given.
        num_classes: Classes of the head.
        json: Print one JSON object instead of a table.
    """
    from videoswin.model import VARIANTS
    from videoswin.model.cost import cost
    from videoswin.values import Size3

    if frames < 1 or size < 0:
        raise ConfigError(
            f"a clip of {frames} frames and {size} px; allowed: at least 1 frame and 1 px (0: published)"
        )
    config = VARIANTS[variant]
    config = replace(
        config, num_classes=num_classes, window=window or config.window, patch=patch or config.patch
    )
    side = size or (384 if variant == "swin_l_384" else 224)
    parts = cost(config, Size3(frames, side, side))
    totals = {
        "parameters": sum(part.parameters for part in parts),
        "multiply_adds": sum(part.multiply_adds for part in parts),
    }
    if json:
        rows = [
            asdict(part) | {"grid": list(part.grid), "multiply_adds": part.multiply_adds} for part in parts
        ]
        print(
            json_text.dumps(
                {"variant": variant, "clip": [frames, side, side], **totals, "parts": rows}, indent=2
            )
        )
        return 0
    _table(f"{variant}, one clip of {frames}x{side}x{side}", parts, totals)
    return 0


def _table(title: str, parts: list[Cost], totals: dict[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    caption = "multiply-adds in G; padded window tokens count, as in the paper"
    table = Table(title=title, caption=caption, box=None, padding=(0, 1, 0, 0))
    for name in ("part", "tokens", "parameters", "linear", "scores", "MLP", "rest", "total"):
        table.add_column(name, justify="left" if name == "part" else "right", no_wrap=True)
    rows = [
        (part.linear, part.scores, part.mlp, part.embedding + part.merging + part.head, part.multiply_adds)
        for part in parts
    ]
    for part, row in zip(parts, rows, strict=True):
        cells = [f"{count / 1e9:.2f}" if count else "" for count in row]
        table.add_row(
            part.name, "" if part.head else "x".join(map(str, part.grid)), f"{part.parameters:,}", *cells
        )
    sums = [f"{sum(column) / 1e9:.2f}" for column in zip(*rows, strict=True)]
    table.add_section()
    table.add_row("total", "", f"{totals['parameters']:,}", *sums)
    Console().print(table)
