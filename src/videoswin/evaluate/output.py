"""The files of one evaluation: numbers (JSON), predictions (Parquet) and a picture.

They hold no times and no machine: the same weights and videos give the same bytes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from videoswin.errors import ConfigError, StorageError, printable
from videoswin.evaluate.bars import draw_bars
from videoswin.evaluate.job import first_does
from videoswin.evaluate.multi_label import MultiLabelMetrics
from videoswin.evaluate.picture import draw_confusion, require_matplotlib
from videoswin.evaluate.predictions import require_pyarrow, to_parquet
from videoswin.evaluate.report import Report, to_json
from videoswin.storage import write_atomically

REPORT_NAME = "report.json"
PREDICTIONS_NAME = "predictions.parquet"
PICTURE_NAME = "confusion.png"
PRECISION_PICTURE_NAME = "average_precision.png"
"""In the place of the confusion where videos have several classes."""


def prepare_folder(folder: Path, *, force: bool) -> None:
    """Make the output folder, and see before the work starts that its three files can be written.

    Raises ConfigError when it is no folder, holds a report already (and `force` is not set) or a package is
    missing, StorageError when nothing can be written there. All processes of a job call it, the first acts.
    """
    first_does(lambda: _prepare(folder, force=force))


def _prepare(folder: Path, *, force: bool) -> None:
    require_matplotlib()
    require_pyarrow()
    name = printable(str(folder))
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{name} is not a folder; name another one for the output")
    if (folder / REPORT_NAME).exists() and not force:
        raise ConfigError(
            f"{name} holds a report already; choose another --output or overwrite it with --force"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise StorageError(f"cannot write to {name}: {error.strerror}") from error


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write the three files into an existing folder, the report last, and name them. Raises StorageError.

    All processes of a job call it, the first writes.
    """
    return first_does(lambda: _write(report, folder))


def _write(report: Report, folder: Path) -> tuple[Path, ...]:
    picture, content = _picture(report)
    contents = {
        PREDICTIONS_NAME: to_parquet(report),
        picture: content,
        REPORT_NAME: to_json(report).encode("ascii"),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return tuple(folder / name for name in contents)


def _picture(report: Report) -> tuple[str, bytes]:
    """Its name and a PNG."""
    metrics = report.metrics
    if isinstance(metrics, MultiLabelMetrics):
        title = f"mean average precision {metrics.mean_average_precision:.1%} of {metrics.num_listed} videos"
        return PRECISION_PICTURE_NAME, draw_bars(
            metrics.average_precision.numpy(), report.labels, title=title
        )
    title = f"top-1 {metrics.top1:.1%} of {metrics.num_listed} videos"
    return PICTURE_NAME, draw_confusion(metrics.confusion.numpy(), report.labels, title=title)
