"""`videoswin demo`: see everything work, on videos it renders itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from videoswin.cli.parse import call
from videoswin.errors import printable

if TYPE_CHECKING:
    from videoswin.demo.story import Story


def main(arguments: list[str]) -> int:
    return call(demo, arguments, prog="videoswin demo")


def demo(output: str = "demo", seed: int = 0) -> int:
    """Render a small data set of motions, train a micro Video Swin on it, evaluate it and write a report.

    Needs no data, no weights and no network. Takes some minutes on two CPU cores. Writes report.html, which
    shows everything, and the clips, weights, logs and predictions it tells of.

    Args:
        output: Folder for everything; new or empty.
        seed: The clips, their order in training and the initial values follow from it.
    """
    from videoswin.demo.run import FULL_SIZE, run_demo

    bar = _StepBar()
    try:
        story = run_demo(output, seed=seed, size=FULL_SIZE, progress=bar)
    finally:
        bar.stop()
    _print_results(story)
    print(f"report: {printable(str(story.page))}")
    return 0


class _StepBar:
    """A bar on stderr while a step counts, and only on a terminal. Training has its own."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("")

    def __call__(self, step: str, done: int, total: int) -> None:
        if done == 0:
            self._progress.reset(self._task, description=step, total=total)
            self._progress.start()
        self._progress.update(self._task, completed=done)
        if done == total:
            self.stop()

    def stop(self) -> None:
        self._progress.stop()


def _print_results(story: Story) -> None:
    """Accuracy with the frames in order and shuffled, beside chance."""
    from rich.console import Console
    from rich.table import Table

    from videoswin.demo.outcome import CHANCE

    table = Table(title="held-out clips", title_justify="left")
    table.add_column("accuracy")
    for heading in ("frames in order", "shuffled", "chance"):
        table.add_column(heading, justify="right")
    outcomes = (story.ordered.outcome, story.shuffled.outcome, CHANCE)
    table.add_row("all classes", *(f"{outcome.all_classes:.1%}" for outcome in outcomes))
    table.add_row("order-dependent classes", *(f"{outcome.ordered_classes:.1%}" for outcome in outcomes))
    table.add_row("the class or its reverse", *(f"{outcome.pair_choice:.1%}" for outcome in outcomes))
    Console(highlight=False).print(table)
