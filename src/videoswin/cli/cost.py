"""`videoswin cost`: parameters, multiply-adds by part and memory, beside the paper's numbers."""

from __future__ import annotations

import json as json_text
from dataclasses import replace
from itertools import product
from typing import Literal, get_args

from videoswin.cli.parse import call
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS
from videoswin.model.config import Design, Shift
from videoswin.model.published import in_design
from videoswin.values import Size3


def main(arguments: list[str]) -> int:
    return call(show, arguments, prog="videoswin cost")


def show(
    variant: Literal["swin_t", "swin_s", "swin_b", "swin_l", "swin_l_384", "all"],
    *,
    design: Design | None = None,
    shift: Shift = "3d",
    temporal_bias: bool = False,
    frames: int = 32,
    size: int = 0,
    window: tuple[int, int, int] | None = None,
    patch: tuple[int, int, int] | None = None,
    num_classes: int = 400,
    no_memory: bool = False,
    json: bool = False,
) -> int:
    """Print parameters, multiply-adds (the paper's "FLOPs") and peak activation memory of a model for one
    clip, by stage and part, beside what the paper says; or one line for every model.

    Args:
        variant: Which published size; `all` for each of them in each design and for each row of the paper.
        design: Where time is attended to (Table 4); joint if not given, or with `all` every design.
        shift: How windows shift in every second block (Table 6). Costs the same but for memory.
        temporal_bias: Give the temporal attention of split and factorized a relative position bias.
        frames: Frames of the clip.
        size: Height and width of the clip in pixels; 0 is what the variant was published for (224, or 384).
        window: Attention window in tokens, for example [16,7,7]; if not given, the variant's own, with 16
            steps in time for split and factorized, which the paper's counts follow from.
        patch: Frames and pixels a token, for example [4,4,4]; the variant's own if not given.
        num_classes: Classes of the head.
        no_memory: Leave out the memory, which takes seconds a model (the rest takes none).
        json: Print one JSON object instead of a table.
    """
    if frames < 1 or size < 0:
        raise ConfigError(
            f"a clip of {frames} frames and {size} px; allowed: at least 1 frame and 1 px (0: published)"
        )
    from videoswin.cli.cost_report import count, report, report_all
    from videoswin.cli.cost_tables import print_all, print_one

    is_all = variant == "all"
    designs = get_args(Design) if is_all and design is None else (design or "joint",)
    counted = []
    for name, each in product(VARIANTS if is_all else (variant,), designs):
        config = in_design(VARIANTS[name], each)
        config = replace(
            config,
            shift=shift,
            temporal_bias=temporal_bias,
            window=window or config.window,
            patch=patch or config.patch,
            num_classes=num_classes,
        )
        side = size or (384 if name == "swin_l_384" else 224)
        counted.append(count(name, config, Size3(frames, side, side), has_memory=not no_memory))
    if json:
        print(json_text.dumps(report_all(counted) if is_all else report(counted[0]), indent=2))
    elif is_all:
        print_all(counted)
    else:
        print_one(counted[0])
    return 0
