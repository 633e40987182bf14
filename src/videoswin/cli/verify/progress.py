"""What is being done, on a terminal; nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


def with_progress(items: Iterable[_T], *, total: int, what: str) -> Iterator[_T]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    options: dict[str, Any] = {"transient": True, "redirect_stdout": False}
    with Progress(console=console, disable=not console.is_terminal, **options) as progress:
        yield from progress.track(items, total=total, description=what)


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """A function that says what is being done; only on a terminal."""
    from rich.console import Console
    from rich.status import Status

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what: None
        return
    with Status("", console=console) as status:
        yield lambda what: status.update(what)
