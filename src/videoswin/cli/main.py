"""`videoswin VERB ...`: find the verb, run it, turn an expected fault into one line and an exit code.

Nothing heavy is imported here: `videoswin --help` answers before torch could be loaded.
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from videoswin.errors import VideoSwinError
from videoswin.launch import is_launched, leave

# verb -> (module with `main(arguments) -> exit code`, what it does)
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("videoswin.cli.demo", "see everything work: render, train, evaluate, predict, report (minutes)"),
    "train": ("videoswin.cli.train", "train or fine-tune on your own videos"),
    "report": ("videoswin.cli.report", "the page of a training run, made again from its folder"),
    "evaluate": ("videoswin.cli.evaluate", "top-1/top-5 of weights on labelled videos, as the paper tests"),
    "compare": ("videoswin.cli.compare", "whether one evaluation is better than another, and where"),
    "predict": ("videoswin.cli.predict", "name the action in video files"),
    "ablate": ("videoswin.cli.ablate", "run a table of the paper's ablations on your own videos"),
    "data": ("videoswin.cli.data", "check video files before you use them"),
    "weights": ("videoswin.cli.weights", "list and download the published weights"),
    "inspect": ("videoswin.cli.inspect", "what a weights file holds, and what is odd about it"),
    "convert": ("videoswin.cli.convert", "turn a weights file into another format"),
    "cost": ("videoswin.cli.cost", "parameters, multiply-adds and memory of a model, beside the paper's"),
    "verify": ("videoswin.cli.verify", "hold videoswin to its promises: damaged files, kills, full disks"),
    "bench": ("videoswin.cli.bench", "measure speed and memory beside a peer, in one run"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the `videoswin` command. Returns the exit code (see videoswin.errors)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(version("videoswin"))
        return 0
    verb = arguments[0]
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return _fail(f"unknown verb {verb!r}{hint} (videoswin --help lists them)", 2)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("videoswin").setLevel(logging.INFO)
    exit_code = _run(verb, arguments[1:])
    if is_launched():
        leave(exit_code)
    return exit_code


def _run(verb: str, arguments: list[str]) -> int:
    try:
        return int(importlib.import_module(VERBS[verb][0]).main(arguments))
    except VideoSwinError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output left (`videoswin ... | head`): not a fault. Keep Python from complaining at
        # exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {summary}" for verb, (_, summary) in VERBS.items())
    return (
        "usage: videoswin VERB [OPTIONS]\n\n"
        "Video Swin Transformer: recognise actions in video (arXiv 2106.13230).\n\n"
        f"verbs:\n{verbs}\n\n"
        "`videoswin VERB --help` explains a verb and its options with their defaults."
    )


def _fail(message: str, exit_code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
