"""`videoswin verify fuzz|frames`: hold the reader to what it promises, on your own files."""

from __future__ import annotations

import dataclasses
import json as json_format
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from videoswin.cli.parse import call
from videoswin.errors import ConfigError, DecodeError, printable

if TYPE_CHECKING:
    from videoswin.verify.frames import FramesResult
    from videoswin.verify.fuzz import Case, Summary

_T = TypeVar("_T")

_USAGE = """usage: videoswin verify WHAT [OPTIONS]

  fuzz    read thousands of damaged clips: no crash, no hang, bounded memory, every failure named
  frames  compare frames had by index with a decode from the beginning

`videoswin verify WHAT --help` explains the options."""


def main(arguments: list[str]) -> int:
    """Exit code of `videoswin verify ...`."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(_USAGE)
        return 0
    what: dict[str, Callable[..., int]] = {"fuzz": fuzz, "frames": frames}
    if not arguments or arguments[0] not in what:
        given = repr(arguments[0]) if arguments else "nothing"
        raise ConfigError(f"videoswin verify: given {given}; allowed: {', '.join(what)}")
    return call(what[arguments[0]], arguments[1:], prog=f"videoswin verify {arguments[0]}")


def fuzz(
    count: int = 10_000,
    seed: int = 0,
    source: str = "",
    output: str = "",
    workers: int = 1,
    json: bool = False,
) -> int:
    """Damage clips in every way that disks, networks and strangers do, and read each one.

    Each is checked and a clip of it is read, in a process limited to 512 MiB and 60 s a file. The exit code
    is 0, or 1 when a file crashed the process, hung it, took too much memory, or failed with an error that
    does not name file and reason.

    Args:
        count: How many damaged clips.
        seed: Which damage; the same seed and clips give the same files.
        source: Folder of clips to damage. Not given: nine small ones of all containers, made on the spot.
        output: Folder for the files that broke something. Not given: none are kept.
        workers: Processes at once.
        json: Print one JSON object instead of a table.
    """
    from videoswin.verify.fuzz import FuzzConfig, Summary
    from videoswin.verify.fuzz import fuzz as run

    config = FuzzConfig(count=count, seed=seed, source=source, output=output, num_workers=workers)
    cases = []
    for case in _with_progress(run(config), total=count, what="damaging and reading"):
        if case.is_offender:
            _print_offender(case)
        cases.append(case)
    summary = Summary.of(cases)
    if json:
        print(json_format.dumps(dataclasses.asdict(summary)))
    else:
        _print_summary(summary, count=len(cases))
    return 1 if summary.num_offenders else 0


def frames(
    files: list[str],
    indices: int = 200,
    seed: int = 0,
    reader: Literal["pyav", "torchcodec", "untrusted"] = "pyav",
    json: bool = False,
) -> int:
    """Compare frames had by index with a decode from the beginning, by checksum.

    The exit code is 0, or 1 when a frame differs, or else 3 when a file can't be read.

    Args:
        files: Video files.
        indices: How many frames of each file, chosen at random.
        seed: Which frames.
        reader: What reads by index; the decode from the beginning is always PyAV's.
        json: Print one JSON object a file.
    """
    if indices < 1:
        raise ConfigError(f"indices is {indices}; allowed: 1 or more")
    from videoswin.verify.frames import compare_frames

    num_wrong = num_bad = 0
    for file in _with_progress(files, total=len(files), what="comparing"):
        try:
            result = compare_frames(file, num_indices=indices, seed=seed, reader=reader)
        except DecodeError as error:
            num_bad += 1
            print(f"error: {error}", file=sys.stderr)
            continue
        num_wrong += bool(result.wrong)
        _print_result(result, json=json)
    return 1 if num_wrong else DecodeError.exit_code if num_bad else 0


def _with_progress(items: Iterable[_T], *, total: int, what: str) -> Iterator[_T]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    options: dict[str, Any] = {"transient": True, "redirect_stdout": False}
    with Progress(console=console, disable=not console.is_terminal, **options) as progress:
        yield from progress.track(items, total=total, description=what)


def _print_offender(case: Case) -> None:
    where = f"clip {case.number} ({printable(case.source)}, {case.mutation})"
    print(f"broken: {where}: {printable(case.finding.problem)}", file=sys.stderr)


def _print_summary(summary: Summary, *, count: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("outcome")
    table.add_column("clips", justify="right")
    for outcome, number in summary.outcomes.items():
        table.add_row(outcome, str(number))
    console = Console(highlight=False)
    console.print(table)
    peak = summary.peak_bytes / 2**20
    console.print(
        f"{count} damaged clips, {summary.num_offenders} broke something; slowest "
        f"{summary.slowest_seconds:.1f} s, most memory for one {peak:.0f} MiB"
    )


def _print_result(result: FramesResult, *, json: bool) -> None:
    if json:
        print(json_format.dumps(dataclasses.asdict(result)), flush=True)
        return
    verdict = f"{len(result.wrong)} differ: {list(result.wrong[:10])}" if result.wrong else "all equal"
    counts = f"{result.num_compared} of {result.num_frames} frames by index"
    print(f"{printable(result.path)}: {counts}, {verdict}", flush=True)
