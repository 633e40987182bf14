"""What a checkpoint says about itself: its step, its files and their checksums, its own checksum."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from videoswin.errors import CheckpointError
from videoswin.train.checkpoint.files import Stored, read_small

MANIFEST = "MANIFEST.json"
STATE = "state.json"
FORMAT = 1

_MAX_MANIFEST_BYTES = 1 << 20
_MAX_FILE_BYTES = 1 << 40
"""1 TiB: a thousand times the largest published model with its optimizer."""
_FILE = re.compile(r"state\.json|[a-z][a-z0-9_]{0,63}\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """step: updates made; files: length and checksum by name; versions: of what wrote it."""

    step: int
    files: dict[str, Stored]
    versions: dict[str, str]


def own_versions() -> dict[str, str]:
    """Of what may change the last bits of a result."""
    return {
        "videoswin": version("videoswin"),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def encode(manifest: Manifest) -> bytes:
    """As JSON for people; its last entry is the checksum of the others."""
    content = {
        "format": FORMAT,
        "step": manifest.step,
        "files": {
            name: {"bytes": stored.num_bytes, "sha256": stored.sha256}
            for name, stored in manifest.files.items()
        },
        "versions": manifest.versions,
    }
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return (json.dumps(content | {"sha256": digest}, indent=2) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """Raises CheckpointError for one that is missing, damaged, hostile or of a later format."""
    raw = read_small(folder / MANIFEST, max_bytes=_MAX_MANIFEST_BYTES)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{MANIFEST} is no JSON: {error}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise CheckpointError(
            f"{MANIFEST} has format {found}, this videoswin reads {FORMAT}; it needs a newer one"
        )
    try:
        manifest = _parse(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{MANIFEST} is not as it was written ({error})") from error
    if encode(manifest) != raw:
        raise CheckpointError(f"{MANIFEST} is not as it was written (its sha256 differs)")
    return manifest


def _parse(content: dict[str, object]) -> Manifest:
    """Raises KeyError, TypeError, ValueError or AttributeError for what `encode` does not write."""
    step, files, versions = content["step"], content["files"], content["versions"]
    if type(step) is not int or step < 0 or not isinstance(files, dict) or not isinstance(versions, dict):
        raise ValueError(f"step {step!r}")
    return Manifest(
        step=step,
        files={name: _stored(name, entry) for name, entry in files.items()},
        versions=versions,
    )


def _stored(name: str, entry: dict[str, object]) -> Stored:
    num_bytes, sha256 = entry["bytes"], entry["sha256"]
    if not _FILE.fullmatch(name):
        raise ValueError(f"it names the file {name!r}")
    if type(num_bytes) is not int or not 0 <= num_bytes <= _MAX_FILE_BYTES:
        raise ValueError(f"{name} would have {num_bytes!r} bytes")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"{name} has the sha256 {sha256!r}")
    return Stored(num_bytes=num_bytes, sha256=sha256)
