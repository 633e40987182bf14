"""`videoswin inspect`: what a weights file is, and what is odd about it."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from typing import TYPE_CHECKING

from videoswin.cli.parse import call
from videoswin.errors import WeightsError, printable

if TYPE_CHECKING:
    from videoswin.model import SwinConfig
    from videoswin.weights.inspection import Inspection

SHOWN = 8
"""Tensors a row of the table names."""


def main(arguments: list[str]) -> int:
    return call(inspect, arguments, prog="videoswin inspect")


def inspect(file: str, *, json: bool = False) -> int:
    """Print the format, model, classes, types and odd tensors of a weights file of any known format.

    A damaged file says as much as can be read of it. Exit code 0 if the file can be used, 4 if not.

    Args:
        file: A weights file, .safetensors or .pth, of a Video Swin or of a 2D Swin.
        json: Print one JSON object instead of a table.
    """
    from videoswin.weights.inspection import inspect as look

    found = look(file)
    if json:
        print(json_text.dumps(asdict(found) | {"is_sound": found.is_sound}, indent=2, ensure_ascii=False))
    else:
        _table(found)
    return 0 if found.is_sound else WeightsError.exit_code


def _table(found: Inspection) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(found.path)), box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in [*_model_rows(found), *_tensor_rows(found)]:
        table.add_row(name, Text(value))
    Console().print(table)


def _model_rows(found: Inspection) -> list[tuple[str, str]]:
    rows = [("format", found.source_format)]
    if found.config is not None and found.clip is not None:
        config, clip = found.config, found.clip
        size = f"width {config.embed_dim}, depths {_list(config.depths)}, heads {_list(config.num_heads)}"
        labels = f"labels {_some(found.labels, 4)}" if found.labels else "no labels"
        rows += [
            ("model", f"{found.variant or 'no published size'} ({size})"),
            ("design", _design(config)),
            ("window", "x".join(map(str, config.window))),
            ("patch", "x".join(map(str, config.patch))),
            ("classes", f"{config.num_classes}, {labels}" if found.has_head else "none for videos"),
            ("clip", f"{clip.num_frames} frames, stride {clip.stride}, {clip.size} px, {clip.sampling}"),
        ]
    return rows + [(f"note: {printable(key)}", printable(value)) for key, value in found.notes.items()]


def _design(config: SwinConfig) -> str:
    bias = ", temporal bias" if config.temporal_bias else ""
    return f"{config.design}, shift {config.shift}{bias}"


def _tensor_rows(found: Inspection) -> list[tuple[str, str]]:
    types = ", ".join(f"{count} {name}" for name, count in found.dtypes.items())
    rows = [
        ("tensors", f"{found.tensors} ({types})"),
        ("parameters", f"{found.parameters:,} in {found.size_bytes:,} bytes"),
    ]
    rows += [("on reading", step) for step in found.steps]
    if found.zero:
        rows.append(("all zero", f"{len(found.zero)}: {_some(found.zero)}"))
    problems = [
        (cause, names[0] if cause == "refused" else f"{len(names)}: {_some(names)}")
        for cause, names in found.problems.items()
    ]
    return [*rows, *problems, ("verdict", "can be used" if found.is_sound else "cannot be used")]


def _list(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def _some(names: tuple[str, ...], shown: int = SHOWN) -> str:
    more = f", ... ({len(names) - shown} more)" if len(names) > shown else ""
    return ", ".join(map(printable, names[:shown])) + more
