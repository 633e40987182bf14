"""`videoswin convert`: weights from one format to another."""

from __future__ import annotations

from typing import Literal

from videoswin.cli.parse import call
from videoswin.errors import ConfigError


def main(arguments: list[str]) -> int:
    return call(convert, arguments, prog="videoswin convert")


def convert(
    source: str,
    target: str,
    *,
    to: Literal["videoswin", "official", "mmaction2", "torchvision"] = "videoswin",
) -> int:
    """Turn a weights file into another format. The source format is recognised and printed.

    Args:
        source: A weights file of any of these formats, .safetensors or .pth.
        target: The file to write; it must not exist yet.
        to: `videoswin` writes .safetensors with the configuration in its header; the others write a .pth that
            the official code, mmaction2 1.x or torchvision's swin3d reads.
    """
    from pathlib import Path

    from videoswin import weights

    if Path(target).exists():
        raise ConfigError(f"{target} exists already; name another file or remove it")
    found = weights.read(source)
    model = weights.build(found)
    if to == "videoswin":
        weights.save(
            target,
            model,
            labels=found.labels,
            clip=found.clip,
            notes={"converted from": found.path} | found.notes,
        )
    else:
        weights.save_foreign(target, model, to=to)
    print(f"{source} ({found.source_format}, {len(found.state_dict)} tensors) -> {target} ({to})")
    return 0
