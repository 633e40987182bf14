"""`videoswin data ...`: look after the videos before and between the runs. One file a sub-verb."""

from __future__ import annotations

import difflib
import importlib

from videoswin.errors import ConfigError

# sub-verb -> (module with `main(arguments) -> exit code`, what it does)
SUB_VERBS: dict[str, tuple[str, str]] = {
    "check": ("videoswin.cli.data.check", "can these videos be used, and if not, why"),
    "prepare": ("videoswin.cli.data.prepare", "re-encode an archive for fast training, into files or shards"),
    "stats": ("videoswin.cli.data.stats", "classes, durations, sizes and frame rates of a data set"),
    "view": ("videoswin.cli.data.view", "draw clips exactly as the model sees them"),
}


def main(arguments: list[str]) -> int:
    """Exit code of `videoswin data ...`."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(_help())
        return 0
    if not arguments or arguments[0] not in SUB_VERBS:
        given = repr(arguments[0]) if arguments else "nothing"
        near = difflib.get_close_matches(arguments[0], SUB_VERBS, n=1) if arguments else []
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(f"videoswin data: given {given}; allowed: {', '.join(SUB_VERBS)}{hint}")
    module = importlib.import_module(SUB_VERBS[arguments[0]][0])
    return int(module.main(arguments[1:]))


def _help() -> str:
    width = max(map(len, SUB_VERBS))
    lines = "\n".join(f"  {verb:<{width}}  {summary}" for verb, (_, summary) in SUB_VERBS.items())
    return (
        "usage: videoswin data VERB [OPTIONS]\n\n"
        f"verbs:\n{lines}\n\n"
        "`videoswin data VERB --help` explains a verb and its options with their defaults."
    )
