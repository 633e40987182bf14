"""`videoswin verify ...`: hold videoswin to what it promises, on your own machine. One file a sub-verb."""

from __future__ import annotations

import difflib
import importlib

from videoswin.errors import ConfigError

# sub-verb -> (module with `main(arguments) -> exit code`, what it does)
SUB_VERBS: dict[str, tuple[str, str]] = {
    "fuzz": (
        "videoswin.cli.verify.fuzz",
        "read thousands of damaged clips: no crash, no hang, bounded memory, every failure named",
    ),
    "frames": (
        "videoswin.cli.verify.frames",
        "compare frames had by index with a decode from the beginning",
    ),
    "eval": (
        "videoswin.cli.verify.evaluation",
        "evaluate with many numbers of videos, processes and batch sizes: the same bytes",
    ),
    "resume": (
        "videoswin.cli.verify.resume",
        "kill a training run again and again: it continues to the same bytes",
    ),
    "signals": (
        "videoswin.cli.verify.signals",
        "ask a training run to stop: it saves, ends in time and continues to the same bytes",
    ),
    "ranks": (
        "videoswin.cli.verify.ranks",
        "train in several processes: the same result, and none waits for one that is lost",
    ),
    "checkpoints": (
        "videoswin.cli.verify.checkpoints",
        "kill a process at every point of a save: a good checkpoint is always there",
    ),
    "storage": (
        "videoswin.cli.verify.storage",
        "fill the disk at every byte of a save, take away the right to write",
    ),
    "readonly": (
        "videoswin.cli.verify.readonly",
        "run what reads videos on videos that can't be written to: nothing of yours changes",
    ),
}


def main(arguments: list[str]) -> int:
    """Exit code of `videoswin verify ...`."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(_help())
        return 0
    if not arguments or arguments[0] not in SUB_VERBS:
        given = repr(arguments[0]) if arguments else "nothing"
        near = difflib.get_close_matches(arguments[0], SUB_VERBS, n=1) if arguments else []
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(f"videoswin verify: given {given}; allowed: {', '.join(SUB_VERBS)}{hint}")
    module = importlib.import_module(SUB_VERBS[arguments[0]][0])
    return int(module.main(arguments[1:]))


def _help() -> str:
    width = max(map(len, SUB_VERBS))
    lines = "\n".join(f"  {verb:<{width}}  {summary}" for verb, (_, summary) in SUB_VERBS.items())
    return (
        "usage: videoswin verify WHAT [OPTIONS]\n\n"
        f"{lines}\n\n"
        "`videoswin verify WHAT --help` explains the options. The exit code is 1 if a promise is broken."
    )
