"""`videoswin bench guard`: the regression guard of continuous integration."""

from __future__ import annotations

from videoswin.cli.parse import call


def main(arguments: list[str]) -> int:
    return call(bench_guard, arguments, prog="videoswin bench guard")


def bench_guard(*, rounds: int = 3) -> int:
    """Measure the fast attention beside the reference for a few seconds; fail if it is not clearly faster.

    One thread, CPU time, and bounds far below what was measured, so that a busy machine passes.

    Args:
        rounds: Timed rounds of each; the fastest counts.
    """
    from videoswin.bench.guard import check, guard

    checked = guard(rounds=rounds)
    for each in checked:
        print(each)
    check(checked)
    return 0
