"""`videoswin data ...`: look after the videos before and between the runs. One file a sub-verb."""

from __future__ import annotations

from videoswin.cli.sub_verbs import run_sub_verb

# sub-verb -> (module with `main(arguments) -> exit code`, what it does)
SUB_VERBS: dict[str, tuple[str, str]] = {
    "check": ("videoswin.cli.data.check", "can these videos be used, and if not, why"),
    "prepare": ("videoswin.cli.data.prepare", "re-encode an archive for fast training, into files or shards"),
    "stats": ("videoswin.cli.data.stats", "classes, durations, sizes and frame rates of a data set"),
    "view": ("videoswin.cli.data.view", "draw clips exactly as the model sees them"),
}


def main(arguments: list[str]) -> int:
    """Exit code of `videoswin data ...`."""
    return run_sub_verb("data", SUB_VERBS, arguments)
