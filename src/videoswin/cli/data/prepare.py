"""`videoswin data prepare SOURCE OUTPUT`: an archive of videos, made ready for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from videoswin.cli.data.progress import follow
from videoswin.cli.parse import call
from videoswin.errors import ConfigError, printable

if TYPE_CHECKING:
    from videoswin.data.prepare import ManifestRow

_MAX_LISTED = 20  # bad files on the screen; the manifest has all
_MAX_CRF = 51


def main(arguments: list[str]) -> int:
    return call(prepare, arguments, prog="videoswin data prepare")


def prepare(
    source: str,
    output: str,
    root: str = "",
    short_side: int = 256,
    gop: int = 16,
    crf: int = 20,
    format: Literal["files", "shards"] = "files",
    shard_size: int = 1000,
    num_workers: int = 0,
    timeout_seconds: float = 3600.0,
) -> int:
    """Re-encode videos so that training reads them fast: H.264 in mp4, small, upright, many key frames.

    Every picture is kept, at its time from the first one on; sound is not. The originals are only read. A
    run that was stopped goes on where it was; each video is made exactly once. OUTPUT holds manifest.csv, a
    row for every source; where the source has labels also prepared.csv, which `videoswin train --data.train`
    takes; and the videos, or with --format shards tar files as WebDataset has them. The exit code is 0; 3
    when videos could not be prepared, which are listed; 5 when none could.

    Args:
        source: Folder with one folder of videos a class, any other folder of videos, list or table.
        output: Folder to write to: new, empty, or of an earlier run with the same options.
        root: Folder that relative paths of a list start from. Empty: the folder of the list.
        short_side: Pixels of the shorter side. Smaller videos keep their size. 0: all do.
        gop: Pictures from one key frame to the next.
        crf: Quality, from 0 (lossless, large) to 51.
        format: Single files or shards.
        shard_size: Size of a shard in MB.
        num_workers: Processes that encode. 0: one a CPU core.
        timeout_seconds: Time one video may take; 0: any.
    """
    from videoswin.data.archive import MANIFEST_NAME, PrepareConfig, prepare_archive
    from videoswin.data.encode import Encoding
    from videoswin.data.inputs import read_source
    from videoswin.data.pool import default_num_workers

    _require_allowed(short_side=short_side, gop=gop, crf=crf, shard_size=shard_size, num_workers=num_workers)
    videos = read_source(source, root=root or None)
    config = PrepareConfig(
        encoding=Encoding(short_side=short_side, gop=gop, crf=crf),
        format=format,
        shard_megabytes=shard_size,
        num_workers=num_workers or default_num_workers(),
        timeout_seconds=timeout_seconds,
    )
    rows = list(
        follow(
            prepare_archive(videos, Path(output), config),
            total=len(videos.files),
            what="preparing",
            kind_of=lambda row: "bad" if row.code else "done",
            kinds=("done", "bad"),
        )
    )
    return _report(rows, Path(output) / MANIFEST_NAME)


def _report(rows: list[ManifestRow], manifest: Path) -> int:
    """Print what could not be prepared; the exit code."""
    bad = sorted((row for row in rows if row.code), key=lambda row: row.source)
    for row in bad[:_MAX_LISTED]:
        print(f"[{row.code}] {printable(row.source)}: {row.reason}")
    print(f"bad {len(bad)} of {len(rows)} (listed in {printable(str(manifest))})")
    if len(bad) == len(rows):
        return 5
    return 3 if bad else 0


def _require_allowed(*, short_side: int, gop: int, crf: int, shard_size: int, num_workers: int) -> None:
    rules = (
        ("short_side", short_side, short_side == 0 or short_side >= 16, "0 (keep) or at least 16"),
        ("gop", gop, gop >= 1, "1 or more"),
        ("crf", crf, 0 <= crf <= _MAX_CRF, f"0 to {_MAX_CRF}"),
        ("shard_size", shard_size, shard_size >= 1, "1 or more"),
        ("num_workers", num_workers, num_workers >= 0, "0 or more"),
    )
    for name, value, is_kept, allowed in rules:
        if not is_kept:
            raise ConfigError(f"{name} is {value}; allowed: {allowed}")
