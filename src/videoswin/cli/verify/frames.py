"""`videoswin verify frames`: frames had by index are those of a decode from the beginning."""

from __future__ import annotations

import dataclasses
import json as json_format
import sys
from typing import TYPE_CHECKING, Literal

from videoswin.cli.parse import call
from videoswin.cli.verify.progress import with_progress
from videoswin.errors import ConfigError, DecodeError, printable

if TYPE_CHECKING:
    from videoswin.verify.frames import FramesResult


def main(arguments: list[str]) -> int:
    return call(frames, arguments, prog="videoswin verify frames")


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
    for file in with_progress(files, total=len(files), what="comparing"):
        try:
            result = compare_frames(file, num_indices=indices, seed=seed, reader=reader)
        except DecodeError as error:
            num_bad += 1
            print(f"error: {error}", file=sys.stderr)
            continue
        num_wrong += bool(result.wrong)
        _print_result(result, json=json)
    return 1 if num_wrong else DecodeError.exit_code if num_bad else 0


def _print_result(result: FramesResult, *, json: bool) -> None:
    if json:
        print(json_format.dumps(dataclasses.asdict(result)), flush=True)
        return
    verdict = f"{len(result.wrong)} differ: {list(result.wrong[:10])}" if result.wrong else "all equal"
    counts = f"{result.num_compared} of {result.num_frames} frames by index"
    print(f"{printable(result.path)}: {counts}, {verdict}", flush=True)
