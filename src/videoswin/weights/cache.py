"""Tensors of .pth files kept as safetensors, so that a pickle is read once and its tensors are mapped from
then on.

They lie in a folder of their own: weights are often shared and read-only, and we write nothing beside what is
the user's. A copy counts while path, size and time of change of its source do. Nothing here can fail: without
a writable folder every read is a first one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

log = logging.getLogger(__name__)
SOURCE = "videoswin source"
"""Key in the header of a copy."""


def folder() -> Path:
    """`VIDEOSWIN_CACHE`, else `videoswin` in the user's cache folder; below it `converted`."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("VIDEOSWIN_CACHE") or Path(home) / "videoswin") / "converted"


def find(path: str) -> dict[str, Tensor] | None:
    """The tensors kept for a file, mapped, or None if there is no copy of the file as it is now."""
    try:
        with safetensors.safe_open(_copy_of(path), framework="pt") as file:
            if (file.metadata() or {}).get(SOURCE) != _identity(path):
                return None
            return {key: file.get_tensor(key) for key in file.keys()}
    except (OSError, safetensors.SafetensorError):
        return None


def keep(path: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Write a copy, atomically, and give its tensors; those given if there is no writing."""
    target, temporary = _copy_of(path), ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".")
        os.close(descriptor)
        safetensors.torch.save_file(_unshared(tensors), temporary, metadata={SOURCE: _identity(path)})
        os.replace(temporary, target)
    except (OSError, safetensors.SafetensorError) as error:
        log.debug("%s not kept as safetensors in %s: %s", path, target.parent, error)
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return find(path) or dict(tensors)


def _unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a .pth may be views or share memory, which safetensors refuses: those are copied."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        memory = tensor.untyped_storage()
        is_whole = tensor.is_contiguous() and memory.nbytes() == tensor.numel() * tensor.element_size()
        is_first = memory.data_ptr() not in seen
        seen.add(memory.data_ptr())
        plain[name] = tensor if is_whole and is_first else tensor.clone(memory_format=torch.contiguous_format)
    return plain


def _copy_of(path: str) -> Path:
    """One file a source, so that a changed source replaces its copy."""
    source = os.path.realpath(path)
    digest = hashlib.sha256(os.fsencode(source)).hexdigest()
    return folder() / f"{digest[:32]}.safetensors"


def _identity(path: str) -> str:
    status = os.stat(path)
    return json.dumps([os.path.realpath(path), status.st_size, status.st_mtime_ns, status.st_ino])
