"""From the results of all runs to the table: costs are measured, rows summed up, three files written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from videoswin.ablate.measure import measure_costs
from videoswin.ablate.picture import draw_table
from videoswin.ablate.run import AblateConfig, Result
from videoswin.ablate.summary import Row, summarise, to_csv, to_markdown
from videoswin.ablate.tables import TABLES, Setting
from videoswin.storage import write_atomically


def finish(
    config: AblateConfig, settings: Sequence[Setting], results: Sequence[Result]
) -> tuple[list[Row], tuple[Path, ...]]:
    """The rows in the order of `settings`, and the files they are in. Raises StorageError."""
    of_setting = {
        setting.name: [result for result in results if result.setting == setting.name] for setting in settings
    }
    costs = measure_costs([Path(of_setting[setting.name][0].weights) for setting in settings])
    rows = [
        summarise(setting, of_setting[setting.name], cost)
        for setting, cost in zip(settings, costs, strict=True)
    ]
    title = TABLES[config.table].title
    contents = {
        "table.md": to_markdown(f"{title}. {_protocol(config, results)}", rows).encode(),
        "table.csv": to_csv(rows).encode(),
        "table.png": draw_table(title, rows),
    }
    folder = Path(config.output)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return rows, tuple(folder / name for name in contents)


def _protocol(config: AblateConfig, results: Sequence[Result]) -> str:
    """What the numbers are of, as one sentence: a table alone does not say."""
    source = config.run.data.test or config.run.data.val
    return (
        f"{results[0].num_videos} videos of {source}, {config.run.views} views, "
        f"{config.run.epochs} epochs, seeds {', '.join(map(str, config.seeds))}; mean ± deviation over seeds."
    )
