"""From a file to named tensors, without running code: safetensors, and the zip files of torch.save.

A .pth is a program for the unpickler, so it gets a look first: sizes from the zip directory, then every name
its pickle asks for. Only then torch reads it, with `weights_only`, and what it read is kept as safetensors
(cache.py). No name of a tensor is understood here.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import safetensors
import torch
from torch import Tensor

from videoswin.errors import WeightsError
from videoswin.weights import cache
from videoswin.weights.pickle_look import require_harmless

HEADER = "videoswin"
"""Key of our JSON in a safetensors header."""
MAX_UNPACKED_RATIO = 3
"""A .pth is a zip of uncompressed tensors; one that unpacks to more than this times its size is a bomb."""
MAX_PICKLE_BYTES = 8 << 20
"""Names and shapes of a model and its optimizer take some 100 kB; a byte of hostile pickle can cost 100 in
memory."""

# What zipfile, pickletools and torch.load raise for damaged files, found by changing bits.
_DAMAGED = (
    *(RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError),
    *(OverflowError, MemoryError, NotImplementedError, OSError, zlib.error),
)
_DTYPES = {torch.float64, torch.float32, torch.float16, torch.bfloat16} | {
    *(torch.float8_e4m3fn, torch.float8_e5m2, torch.bool, torch.uint8),
    *(torch.int8, torch.int16, torch.int32, torch.int64),
}


def read_tensors(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file, on the CPU, as it names them, and our header (empty if it has none).

    Raises WeightsError naming file and cause: missing, damaged, of another kind, hostile.
    """
    magic = _magic(path)
    if magic[:4] == b"PK\x03\x04":
        return _read_pth(path), {}
    if len(magic) == 9 and magic[8:9] == b"{":
        return _read_safetensors(path)
    raise WeightsError(f"{path}: {_describe(magic)}; expected .safetensors or a .pth written by torch.save")


def _magic(path: str) -> bytes:
    try:
        # A pipe or a device could block for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return file.read(9) or b""
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: no file name: {error}") from error


def _describe(magic: bytes) -> str:
    if not magic:
        return "empty file"
    if magic.lower().startswith((b"<!doctyp", b"<html")):
        return "an HTML page, probably a failed download"
    if magic.startswith(b"version h"):
        return "a Git LFS pointer, not the file itself (git lfs pull fetches it)"
    if magic[:2] == b"PK":
        return "a zip file that torch.save did not write"
    if magic[:1] == b"\x80":
        return "a bare pickle, refused because reading it could run code (save it again with torch >= 1.6)"
    return f"neither safetensors nor a torch zip file (it starts with {magic!r})"


def _read_safetensors(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        header = json.loads(metadata.get(HEADER, "{}"))
    except (safetensors.SafetensorError, ValueError, RecursionError, OSError) as error:
        raise WeightsError(f"{path}: damaged safetensors file: {error}") from error
    except (RuntimeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path}: safetensors file with a tensor torch cannot hold: {error}") from error
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: damaged videoswin header: {type(header).__name__} instead of an object")
    _require_plain(tensors, path=path)
    return tensors, header


def _read_pth(path: str) -> dict[str, Tensor]:
    """A zip written by torch.save: a state dict, bare or under `state_dict` or `model`."""
    kept = cache.find(path)
    if kept is not None:
        return kept
    try:
        with zipfile.ZipFile(path) as archive:
            _require_torch_zip(archive, path=path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except zipfile.BadZipFile as error:
        raise WeightsError(f"{path}: damaged or truncated torch file: {error}") from error
    except pickle.UnpicklingError as error:
        cause = str(error).partition("WeightsUnpickler error: ")[2] or str(error)
        raise WeightsError(f"{path}: refused by torch's reader of weights: {_first(cause)}") from error
    except _DAMAGED as error:
        raise WeightsError(f"{path}: damaged torch file: {_first(str(error))}") from error
    tensors = _state_dict(content, path=path)
    _require_plain(tensors, path=path)
    return cache.keep(path, tensors)


def _first(message: str) -> str:
    """The first sentence; torch's go on for a page."""
    return message.partition("\n")[0].partition(". ")[0]


def _require_torch_zip(archive: zipfile.ZipFile, *, path: str) -> None:
    """Raise WeightsError unless the zip is what torch.save writes and its pickle asks for tensors only."""
    entries, size = archive.infolist(), os.path.getsize(path)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_RATIO * size:
        raise WeightsError(f"{path}: unpacks to {unpacked:,} bytes from {size:,}; refused as a bomb")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise WeightsError(f"{path}: damaged torch file: two entries of one name")
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise WeightsError(f"{path}: a TorchScript program, refused; save its state_dict() instead")
    pickles = [entry for entry in entries if entry.filename.endswith("data.pkl")]
    if len(pickles) != 1:
        raise WeightsError(f"{path}: a zip, but not one of torch.save: {len(pickles)} entries named data.pkl")
    if pickles[0].file_size > MAX_PICKLE_BYTES:
        raise WeightsError(f"{path}: its pickle takes {pickles[0].file_size:,} bytes; refused as a bomb")
    try:
        require_harmless(archive.read(pickles[0]))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def _state_dict(content: object, *, path: str) -> dict[str, Tensor]:
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    named = content if isinstance(content, dict) else {}
    tensors = {
        name: tensor.detach()
        for name, tensor in named.items()
        if isinstance(name, str) and isinstance(tensor, Tensor)
    }
    if not tensors or len(tensors) < len(named):
        raise WeightsError(
            f"{path}: no state dict in it; expected names and tensors, bare or under 'state_dict'"
        )
    return tensors


def _require_plain(tensors: Mapping[str, Tensor], *, path: str) -> None:
    """Raise WeightsError naming a tensor that is not plain numbers in memory: sparse, quantised, complex,
    without data, or larger than its data."""
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.dtype not in _DTYPES or tensor.device.type != "cpu":
            kind = f"{tensor.layout}, {tensor.dtype}, {tensor.device.type}".replace("torch.", "")
            raise WeightsError(f"{path}: {name} is {kind}; expected a plain tensor of float numbers")
        held, needed = tensor.untyped_storage().nbytes(), tensor.numel() * tensor.element_size()
        if needed > held:
            raise WeightsError(
                f"{path}: {name} is {tuple(tensor.shape)}, {needed:,} bytes, of {held:,} stored"
            )
