"""`videoswin report RUN`: the page of a training run, made again from its folder."""

from __future__ import annotations

from pathlib import Path

from videoswin.cli.parse import call
from videoswin.errors import printable
from videoswin.train.packages import require_packages


def main(arguments: list[str]) -> int:
    return call(report, arguments, prog="videoswin report")


def report(run: str) -> int:
    """Make report.html in the folder of a training run, finished or not: its course, its classes, the clips
    that it knows best and worst, what could not be read, and its configuration.

    One file that needs no other and no network. A finished run has made it already.

    Args:
        run: The folder of the run, its --output.
    """
    require_packages()
    from videoswin.train.report import write_page

    print(f"wrote {printable(str(write_page(Path(run))))}")
    return 0
