"""`videoswin ablate TABLE`: a table of the paper on your own videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from videoswin.cli.parse import call
from videoswin.errors import ConfigError, printable
from videoswin.peers.config import peer_name
from videoswin.train.config import TrainConfig
from videoswin.train.packages import require_packages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from videoswin.ablate.summary import Row

TABLE_COLUMNS = 140


def main(arguments: list[str]) -> int:
    return call(ablate, arguments, prog="videoswin ablate")


def ablate(
    table: Literal["designs", "temporal", "shift", "lr-ratio", "embed-init", "bias-init"],
    *,
    run: TrainConfig,
    seeds: tuple[int, ...] = (0, 1, 2),
    output: str = "runs/ablate",
    only: tuple[str, ...] = (),
    pairs: tuple[str, ...] = (),
    peers: tuple[str, ...] = (),
) -> int:
    """Run a table of the paper (Sec. 4.3, Tables 4 to 9) on your videos: each setting with the same seeds.

    A stopped ablation goes on where it was when it is started again. Prints the table with the mean and the
    spread over the seeds beside the paper's numbers, and writes it to --output as table.md, table.csv and
    table.png. Every run is kept below --output/runs, as `videoswin train` writes it.

    Example: videoswin ablate designs --run recipes/k400/swin_t.yaml --run.weights swin_tiny.pth
    --run.data.train train.csv --run.data.val val.csv

    Args:
        table: designs (joint, split, factorized), temporal (dimension and window), shift, lr-ratio (backbone
            over head), embed-init and bias-init (from a 2D model).
        run: The run that the settings change, as for `videoswin train`: --run FILE.yaml, --run.epochs 10.
            `weights` may hold {setting} and {seed}: each run then starts from a file of its own.
        seeds: Of initial values, order and clips. The spread is over these.
        output: Folder of the ablation; the same folder goes on with it.
        only: Names of the settings wanted, for example [joint,split]; all of the table if not given.
        pairs: Labels that are each other played backwards, for example [up:down]; adds the column `order`:
            how often the two are told apart, in percent.
        peers: Other backbones to train and evaluate the same way, as rows, for example [r3d_18]; NAME=WEIGHTS
            starts one from weights. `videoswin train --help` lists them at --peer.
    """
    require_packages()
    if peers:
        from videoswin.peers.packages import require_library

        for peer in peers:
            require_library(peer_name(peer.partition("=")[0]))  # before Lightning meets torchvision
    from videoswin.ablate.finish import finish
    from videoswin.ablate.run import AblateConfig, run_ablation, settings_of
    from videoswin.ablate.tables import TABLES

    config = AblateConfig(
        table=table, run=run, seeds=seeds, output=output, only=only, pairs=_parse_pairs(pairs), peers=peers
    )
    settings = settings_of(config)
    results = []
    for result, number, total in run_ablation(config):
        results.append(result)
        order = "" if result.order is None else f", order {result.order:.1%}"
        print(f"[{number}/{total}] {result.setting}, seed {result.seed}: top-1 {result.top1:.1%}{order}")
    rows, written = finish(config, settings, results)
    _print_table(TABLES[config.table].title, rows)
    for path in written:
        print(f"wrote {printable(str(path))}")
    return 0


def _parse_pairs(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`up:down` -> ("up", "down")."""
    pairs = []
    for text in texts:
        first, separator, second = text.partition(":")
        if not (first and separator and second):
            raise ConfigError(f"pairs hold {text!r}; allowed: LABEL:LABEL, for example up:down")
        pairs.append((first, second))
    return tuple(pairs)


def _print_table(title: str, rows: Sequence[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from videoswin.ablate.summary import cells

    headings, lines = cells(rows)
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "setting" else "right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console = Console(highlight=False)
    # A cut number would be a wrong one: a narrow terminal wraps the lines instead.
    console.width = max(console.width, TABLE_COLUMNS)
    console.print(table)
