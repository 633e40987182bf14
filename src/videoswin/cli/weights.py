"""`videoswin weights`: the published checkpoints, listed and downloaded."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from videoswin.cli.parse import call
from videoswin.errors import ConfigError

if TYPE_CHECKING:
    from videoswin.weights.zoo import Published

_PIPED_COLUMNS = 100  # where no terminal bounds the table

_USAGE = """usage: videoswin weights list [--json]
       videoswin weights get NAME... [--mirror URL]
       videoswin weights path NAME

`videoswin weights list --help` (get, path) explains the options."""


def main(arguments: list[str]) -> int:
    """Exit code of `videoswin weights ...`."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(_USAGE)
        return 0
    functions: dict[str, Callable[..., int]] = {"list": show, "get": get, "path": path}
    verb = arguments[0] if arguments else ""
    if verb not in functions:
        raise ConfigError(f"videoswin weights: given {verb or 'nothing'}; allowed: {', '.join(functions)}")
    return call(functions[verb], arguments[1:], prog=f"videoswin weights {verb}")


def show(json: bool = False) -> int:
    """List the published checkpoints, with the accuracy their publishers state. Their names can stand where
    a weights file is asked for.

    Args:
        json: Print one JSON object a line instead of a table, with addresses, hashes and configurations.
    """
    from videoswin.weights import zoo
    from videoswin.weights.download import cache_folder

    rows = [_row(published) for published in zoo.ZOO.values()]
    if json:
        for row in rows:
            print(json_format.dumps(row))
    else:
        _print_table(rows, folder=str(cache_folder()))
    return 0


def get(names: list[str], mirror: str = "") -> int:
    """Download published checkpoints, check those that are there already, and print where they are.

    An interrupted download is resumed. The exit code is 4 when a file can't be had or is not the published
    one, 7 when it can't be written.

    Args:
        names: Names that `videoswin weights list` shows.
        mirror: Address of a folder with the same files, to download from instead of the publisher's.
    """
    from videoswin.weights import zoo
    from videoswin.weights.download import recheck

    for name in names:
        zoo.lookup(name)
    for name in names:
        file = zoo.find(name, mirror=mirror)
        recheck(file)
        print(file, flush=True)
    return 0


def path(name: str) -> int:
    """Print where the file of a published checkpoint is kept, or where to save it by hand.

    Args:
        name: A name that `videoswin weights list` shows.
    """
    from videoswin.weights import zoo

    print(zoo.cached_path(zoo.lookup(name)))
    return 0


def _row(published: Published) -> dict[str, Any]:
    from dataclasses import asdict

    from videoswin.model.cost import cost
    from videoswin.values import Size3
    from videoswin.weights import zoo

    clip, config, file = published.clip, published.config, zoo.cached_path(published)
    parts = cost(config, Size3(clip.num_frames, clip.size, clip.size))
    return {
        "name": published.name,
        "source": published.source,
        "url": published.url,
        "sha256_prefix": published.sha256_prefix,
        "parameters": sum(part.parameters for part in parts),
        "label_set": published.label_set,
        "top1": published.top1,
        "top5": published.top5,
        "views": str(published.views),
        "protocol": published.protocol,
        "lineage": published.lineage,
        "clip": asdict(clip),
        "config": asdict(config),
        "path": str(file),
        "is_cached": file.exists(),
    }


def _print_table(rows: list[dict[str, Any]], *, folder: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "classes", "window", "params", "top-1/top-5", "views", "cached"):
        table.add_column(
            heading, justify="right" if heading in ("classes", "params") else "left", no_wrap=True
        )
    for row in rows:
        has_accuracy = row["top1"] is not None
        table.add_row(
            row["name"],
            str(row["config"]["num_classes"]),
            "x".join(map(str, row["config"]["window"])),
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['top1']}/{row['top5']}" if has_accuracy else "not published",
            (row["views"] + (" *" if row["protocol"] else "")) if has_accuracy else "",
            "yes" if row["is_cached"] else "",
        )
    console = Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS, highlight=False)
    console.print(table)
    notes = sorted({row["protocol"] for row in rows if row["protocol"]})
    console.print(f"views: clips x crops; * {'; '.join(notes)}", style="dim", soft_wrap=True)
    console.print(f"files: {folder}", style="dim", soft_wrap=True, markup=False)
