"""`videoswin bench ...`: measure speed and memory beside peers, in one run. One file a sub-verb."""

from __future__ import annotations

from videoswin.cli.sub_verbs import run_sub_verb

# sub-verb -> (module with `main(arguments) -> exit code`, what it does)
SUB_VERBS: dict[str, tuple[str, str]] = {
    "model": ("videoswin.cli.bench.model", "the network beside its peers: inference, training, memory"),
    "attention": ("videoswin.cli.bench.attention", "the attention operator alone, every backend"),
    "training": ("videoswin.cli.bench.training", "how many cores feed a training step"),
    "scaling": ("videoswin.cli.bench.scaling", "how time and memory grow with frames and pixels"),
    "data": ("videoswin.cli.bench.data", "decoding and loading beside their peers"),
    "guard": ("videoswin.cli.bench.guard", "fail if the fast attention has become slow (seconds)"),
}


def main(arguments: list[str]) -> int:
    """Exit code of `videoswin bench ...`."""
    return run_sub_verb("bench", SUB_VERBS, arguments)
