"""The folder of a run: writable, apart from the videos, and with the configuration that made it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from videoswin.errors import ConfigError, StorageError
from videoswin.storage import write_atomically
from videoswin.train.config import TrainConfig

CONFIG_FILE = "config.yaml"


def prepare_output(output: str, *, sources: Sequence[str]) -> Path:
    """The folder, made if it is new, after a trial write.

    Raises ConfigError for a file or a folder inside one of videos (`sources`), StorageError if it can't be
    written. What may be in it already, resume.py knows.
    """
    folder = Path(output)
    for source in filter(os.path.isdir, sources):
        if folder.resolve().is_relative_to(Path(source).resolve()):
            raise ConfigError(
                f"output {output} is inside the videos of {source}; allowed: a folder elsewhere"
            )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"output {output} is a file; allowed: a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise StorageError(f"output {output} can't be written: {error.strerror}") from error
    return folder


def require_empty(output: Path) -> None:
    """Raise ConfigError for a folder in use. What a process leaves that was killed while it made the folder
    does not count."""
    found = sorted(path.name for path in output.iterdir() if not path.name.startswith((".", "lr_finder.")))
    if found:
        some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise ConfigError(
            f"output {output} holds files already ({some}), but no run; name a new folder with --output"
        )


def as_plain(config: TrainConfig) -> dict[str, Any]:
    """Nested dictionaries and lists of plain values, as YAML and loggers take them."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))  # tuples, named ones too, become lists
    return plain


def write_config(config: TrainConfig, path: Path) -> None:
    """Write the run's configuration as YAML that `videoswin train --config` reads back to the same run."""
    comment = "# The whole run. To repeat it: videoswin train --config THIS_FILE --output NEW_FOLDER\n"
    write_atomically(path, (comment + yaml.safe_dump(as_plain(config), sort_keys=False)).encode())
