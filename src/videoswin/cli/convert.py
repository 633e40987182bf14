"""`videoswin convert`: weights from one format to another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from videoswin.cli.parse import call
from videoswin.errors import ConfigError
from videoswin.weights.inflation import Inflation

if TYPE_CHECKING:
    from videoswin.weights import Weights


CONVERTED = "converted from"


def main(arguments: list[str]) -> int:
    return call(convert, arguments, prog="videoswin convert")


def convert(
    source: str,
    target: str,
    *,
    to: Literal["videoswin", "official", "mmaction2", "torchvision"] = "videoswin",
    window: tuple[int, int, int] | None = None,
    offsets: Literal["stretch", "keep"] = "stretch",
    inflation: Inflation = Inflation(),  # noqa: B008 (frozen)
    num_classes: int | None = None,
) -> int:
    """Turn a weights file into another format, for another window, or from a 2D into a video model.

    The source format is recognised and printed.

    Args:
        source: A weights file of any of these formats, .safetensors or .pth.
        target: The file to write; it must not exist yet.
        to: `videoswin` writes .safetensors with the configuration in its header; the others write a .pth that
            the official code, mmaction2 1.x or torchvision's swin3d reads.
        window: Attention window in tokens, for example [16,7,7]; that of the source if not given.
        offsets: How bias tables get another window in time. `stretch`: the farthest offset stays the
            farthest, those between are interpolated. `keep`: an offset of n frames stays n frames, farther
            ones than the old window had repeat its farthest.
        inflation: How a 2D Swin becomes a Video Swin.
        num_classes: Classes of a new head; a 2D Swin needs it. The source's head if not given.
    """
    from pathlib import Path

    from videoswin import weights
    from videoswin.values import Size3

    if Path(target).exists():
        raise ConfigError(f"{target} exists already; name another file or remove it")
    wanted = None if window is None else Size3(*window)
    found = weights.read(source, inflation=inflation, window=wanted, offsets=offsets)
    model = weights.build(found, num_classes=num_classes)
    labels = found.labels if model.config.num_classes == len(found.labels) else ()
    if to == "videoswin":
        notes = found.notes | {CONVERTED: _origin(found)}
        weights.save(target, model, labels=labels, clip=found.clip, notes=notes)
    else:
        weights.save_foreign(target, model, to=to)
    print(f"{source} ({found.source_format}, {len(found.state_dict)} tensors) -> {target} ({to})")
    return 0


def _origin(found: Weights) -> str:
    """File name and changes, newest first when a file is converted more than once. Without its folder, which
    is nobody's business where the weights are published."""
    origin = "; ".join((os.path.basename(found.path), *found.steps))
    return f"{origin} <- {found.notes[CONVERTED]}" if CONVERTED in found.notes else origin
