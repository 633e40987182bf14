"""`videoswin verify ...`: hold videoswin to what it promises, on your own machine. One file a sub-verb."""

from __future__ import annotations

from videoswin.cli.sub_verbs import run_sub_verb

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
    return run_sub_verb("verify", SUB_VERBS, arguments)
