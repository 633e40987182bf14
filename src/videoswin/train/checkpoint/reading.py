"""One checkpoint: checked to the last byte before anything of it is used."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

from videoswin.errors import CheckpointError
from videoswin.train.checkpoint.files import read_small, require_same
from videoswin.train.checkpoint.manifest import STATE, Manifest, own_versions, read_manifest
from videoswin.train.checkpoint.snapshot import Snapshot
from videoswin.train.checkpoint.tensors import read_tensors

logger = logging.getLogger(__name__)


def read(path: Path, *, log: Callable[[str], None] = logger.warning) -> Snapshot:
    """The checkpoint in the folder `path`, its tensors on the CPU.

    log: gets a line if other versions of torch or Python wrote it. Raises CheckpointError naming folder, file
    and reason.
    """
    try:
        return read_checked(path, log=log)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_checked(path: Path, *, log: Callable[[str], None]) -> Snapshot:
    """As `read`; its CheckpointError does not name the folder."""
    manifest = verify(path)
    snapshot = _load(path, manifest)
    own = own_versions()
    others = [
        f"{name} {found} (here {own[name]})"
        for name, found in manifest.versions.items()
        if own[name] != found
    ]
    if others:
        log(f"step {snapshot.step} was saved by {', '.join(others)}: results may differ in the last bits")
    return snapshot


def verify(path: Path) -> Manifest:
    """The manifest of a checkpoint, all of whose files are as they were written.

    Raises CheckpointError naming file and reason, not the folder.
    """
    manifest = read_manifest(path)
    if STATE not in manifest.files:
        raise CheckpointError(f"it has no {STATE}")
    for name, expected in manifest.files.items():
        require_same(path / name, expected)
    return manifest


def _load(path: Path, manifest: Manifest) -> Snapshot:
    groups = [name for name in manifest.files if name != STATE]
    tensors = {name.removesuffix(".safetensors"): read_tensors(path / name) for name in groups}
    content = read_small(path / STATE, max_bytes=manifest.files[STATE].num_bytes)
    try:
        return Snapshot(step=manifest.step, tensors=tensors, state=json.loads(content))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{STATE}: {error}") from error
