"""`videoswin VERB SUB_VERB ...`: find the sub-verb and run it; nothing of the others is imported."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping

from videoswin.errors import ConfigError


def run_sub_verb(verb: str, sub_verbs: Mapping[str, tuple[str, str]], arguments: list[str]) -> int:
    """Exit code of `videoswin VERB arguments`; `sub_verbs` maps a name to (module with `main(arguments) ->
    exit code`, what it does). Raises ConfigError for one that is not there."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(_help(verb, sub_verbs))
        return 0
    if not arguments or arguments[0] not in sub_verbs:
        given = repr(arguments[0]) if arguments else "nothing"
        near = difflib.get_close_matches(arguments[0], sub_verbs, n=1) if arguments else []
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(f"videoswin {verb}: given {given}; allowed: {', '.join(sub_verbs)}{hint}")
    module = importlib.import_module(sub_verbs[arguments[0]][0])
    return int(module.main(arguments[1:]))


def _help(verb: str, sub_verbs: Mapping[str, tuple[str, str]]) -> str:
    width = max(map(len, sub_verbs))
    lines = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in sub_verbs.items())
    return (
        f"usage: videoswin {verb} VERB [OPTIONS]\n\n"
        f"verbs:\n{lines}\n\n"
        f"`videoswin {verb} VERB --help` explains a verb and its options with their defaults."
    )
