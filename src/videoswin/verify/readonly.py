"""Everything that reads videos, run on videos that can't be written to: no file or folder may change."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from videoswin.data.rows import VIDEO_EXTENSIONS
from videoswin.errors import ConfigError
from videoswin.verify.clips import write_clips
from videoswin.verify.mounts import MountRefused, read_only
from videoswin.verify.outcome import Check
from videoswin.verify.tree import Tree, differences, look

_CLASSES = ("left", "right")
_EXIT_CODES = (0, 3)
"""Done, and done but for unreadable videos."""
_MISSING = "pip install 'videoswin["
"""What the message of a missing package ends with (packages.require)."""
_MICRO_RUN = (
    *("--model.embed_dim", "16", "--model.depths", "[1,1]", "--model.num_heads", "[1,2]"),
    *("--model.window", "[2,4,4]", "--clip.num_frames", "4", "--clip.size", "32"),
    *("--epochs", "1", "--global_batch", "4", "--schedule.warmup_epochs", "0", "--max_bad_fraction", "1"),
    *("--optimizer.backbone_multiplier", "1", "--data.num_workers", "1"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One call of `videoswin`."""

    name: str
    arguments: Sequence[str]


def commands(data: Path, output: Path) -> list[Command]:
    """All that read videos, on `data`, a folder with a folder of videos a class; they write to `output`."""
    source, weights = str(data), str(output / "run" / "best.safetensors")
    videos = sorted(str(path) for path in data.rglob("*") if path.suffix.lower() in VIDEO_EXTENSIONS)
    train = ["train", "--data.train", source, "--data.val", source, "--output", str(output / "run")]
    evaluate = ["evaluate", weights, source, "--views", "1x1", "--output", str(output / "evaluation")]
    return [
        Command(name="data check", arguments=["data", "check", source, "--ledger", str(output / "a.csv")]),
        Command(name="data stats", arguments=["data", "stats", source, "--output", str(output / "a.png")]),
        Command(name="data view", arguments=["data", "view", source, "--output", str(output / "view.png")]),
        Command(name="train", arguments=[*train, *_MICRO_RUN]),
        Command(name="evaluate", arguments=evaluate),
        Command(name="predict", arguments=["predict", weights, *videos, "--views", "1x1"]),
    ]


def verify_readonly(data: str, *, progress: Callable[[str], None] = lambda what: None) -> list[Check]:
    """One check a command.

    data: a folder with a folder of videos a class, which is only looked at before and after. Empty: one made
    here, damaged videos in it, without the right to write. progress: is told what is about to be done.

    Raises ConfigError if there is no such folder.
    """
    with tempfile.TemporaryDirectory(prefix="videoswin-verify-") as name, ExitStack() as stack:
        output = Path(name) / "output"
        output.mkdir()
        if data:
            videos, how = Path(data), "looked at before and after"
            if not videos.is_dir():
                raise ConfigError(f"data is {data}; expected a folder with a folder of videos a class")
        else:
            videos = _write_videos(Path(name) / "videos")
            how = _protect(videos, stack)
        before = look(videos)
        checks = []
        for command in commands(videos, output):
            progress(command.name)
            checks.append(_run(command, videos, before, output=output, how=how))
        return checks


def _write_videos(folder: Path) -> Path:
    """Clips of every kind in each class, an empty and a damaged one, and a file that is no video."""
    for label in _CLASSES:
        (folder / label).mkdir(parents=True)
        first, *_ = write_clips(folder / label)
        (folder / label / "cut.mp4").write_bytes(first.read_bytes()[:1000])
        (folder / label / "empty.mp4").touch()
    (folder / "README.txt").write_text("not a video\n")
    return folder


def _protect(videos: Path, stack: ExitStack) -> str:
    """Take the right to write away until `stack` ends; how, in words."""
    for path in [*videos.rglob("*"), videos]:
        stack.callback(path.chmod, path.stat().st_mode)
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        stack.enter_context(read_only(videos))
    except MountRefused as error:
        return f"by mode 555 and 444 ({error})"
    return "mounted read-only"


def _run(command: Command, videos: Path, before: Tree, *, output: Path, how: str) -> Check:
    ended = subprocess.run(
        [sys.executable, "-m", "videoswin.cli.main", *command.arguments],
        cwd=output,
        capture_output=True,
        text=True,
        errors="replace",
    )
    problems = differences(before, look(videos))
    last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
    if not problems and ended.returncode == ConfigError.exit_code and _MISSING in last:
        return Check(what=command.name, result="not tried", numbers=last)
    if ended.returncode not in _EXIT_CODES:
        problems.append(last)
    numbers = f"{len(before)} files and folders, {how}; exit code {ended.returncode}"
    return Check.of(command.name, problems, numbers)
