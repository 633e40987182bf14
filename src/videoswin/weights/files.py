"""Weights files: ours (safetensors with the configuration in the header) and foreign ones, read without
running code."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from videoswin.errors import ConfigError, WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.storage import write_atomically
from videoswin.values import ClipSpec
from videoswin.weights.formats import FormatName, convert, recognise
from videoswin.weights.model import Weights, build, infer_config

HEADER = "videoswin"
"""Key of our JSON in a safetensors header."""
HEADER_VERSION = 1
MAX_UNPACKED_RATIO = 3
"""A .pth is a zip of uncompressed tensors; one that unpacks to more than this times its size is a bomb."""


def load(path: str | os.PathLike[str], num_classes: int | None = None) -> VideoSwin:
    """A model from a weights file, in eval mode.

    path: our .safetensors, or a .pth of the official code, mmaction2 or torchvision. num_classes: another
    number of classes than the file's starts a new head (one log line says so).

    Raises WeightsError, one line with file and cause, for a file that is missing, damaged, unknown or does
    not fit.

    >>> model = videoswin.load("swin_tiny_patch244_window877_kinetics400_1k.pth")
    >>> model(clips).shape  # clips: (1, 3, 32, 224, 224) uint8
    torch.Size([1, 400])
    """
    return build(read(path), num_classes=num_classes).eval()


def read(path: str | os.PathLike[str]) -> Weights:
    """Everything a weights file holds, its tensors under our names in float32. Raises WeightsError as `load`
    does."""
    name = os.fspath(path)
    magic = _magic(name)
    header: dict[str, Any] = {}
    if magic[:2] == b"PK":
        tensors = _read_pth(name)
    elif len(magic) == 9 and magic[8:9] == b"{":
        tensors, header = _read_safetensors(name)
    else:
        raise WeightsError(
            f"{name}: {_describe(magic)}; expected .safetensors or a .pth written by torch.save"
        )
    try:
        source_format = recognise(tensors)
        ours = {key: tensor.float() for key, tensor in convert(tensors, to="videoswin").items()}
    except WeightsError as error:
        raise WeightsError(f"{name}: {error}") from error
    config, labels, clip, notes = _from_header(header, path=name)
    return Weights(
        path=name,
        state_dict=ours,
        config=config or infer_config({**tensors, **ours}, path=name),
        labels=labels,
        clip=clip,
        source_format=source_format,
        notes=notes,
    )


def save(
    path: str | os.PathLike[str],
    model: VideoSwin,
    *,
    labels: tuple[str, ...],
    clip: ClipSpec,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a model as safetensors, atomically; configuration, class names, clip and notes go into the
    header.

    Raises ValueError if the number of labels is not that of classes, StorageError if writing fails.
    """
    if labels and len(labels) != model.config.num_classes:
        raise ValueError(
            f"{len(labels)} labels for {model.config.num_classes} classes; expected one each, or none"
        )
    header = {
        "version": HEADER_VERSION,
        "config": asdict(model.config),
        "labels": labels,
        "clip": asdict(clip),
        "notes": dict(notes or {}),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    metadata = {"format": "pt", HEADER: json.dumps(header, ensure_ascii=False)}
    write_atomically(Path(path), _with_sorted_header(safetensors.torch.save(tensors, metadata=metadata)))


def _with_sorted_header(content: bytes) -> bytes:
    """The same file with its header's keys in order: the library's order is random, and equal weights should
    give equal bytes."""
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def save_foreign(path: str | os.PathLike[str], model: VideoSwin, *, to: FormatName) -> None:
    """Write a model as a .pth under the names of another library, atomically.

    The official code reads it with `load_from`, mmaction2 with `load_from`, torchvision with
    `load_state_dict`.
    """
    state_dict = convert(model.state_dict(), to=to)
    # torchvision's files are bare state dicts; the mm family keeps them under a key, beside what it calls
    # meta.
    content = state_dict if to == "torchvision" else {"state_dict": state_dict, "meta": {}}
    file = io.BytesIO()
    torch.save(content, file)
    write_atomically(Path(path), file.getvalue())


def _magic(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(9)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error


def _describe(magic: bytes) -> str:
    if not magic:
        return "empty file"
    if magic.lower().startswith((b"<!doctyp", b"<html")):
        return "an HTML page, probably a failed download"
    if magic.startswith(b"version h"):
        return "a Git LFS pointer, not the file itself (git lfs pull fetches it)"
    if magic[:1] == b"\x80":
        return "a bare pickle, refused because reading it could run code (save it again with torch >= 1.6)"
    return f"neither safetensors nor a torch zip file (it starts with {magic!r})"


def _read_safetensors(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        return tensors, json.loads(metadata.get(HEADER, "{}"))
    except (safetensors.SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: damaged safetensors file: {error}") from error


def _read_pth(path: str) -> dict[str, Tensor]:
    """A zip written by torch.save: a state dict, bare or under `state_dict` or `model`."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED_RATIO * os.path.getsize(path):
            raise WeightsError(
                f"{path}: unpacks to {unpacked:,} bytes from {os.path.getsize(path):,}; refused as a bomb"
            )
        content = torch.load(path, map_location="cpu", weights_only=True)
    except zipfile.BadZipFile as error:
        raise WeightsError(f"{path}: damaged or truncated torch file: {error}") from error
    except pickle.UnpicklingError as error:
        blocked = str(error).partition("Unsupported")[2].partition("\n")[0] or str(error).partition("\n")[0]
        raise WeightsError(
            f"{path}: holds more than tensors, refused because reading it could run code: {blocked}"
        ) from error
    except (RuntimeError, EOFError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: damaged torch file: {str(error).partition(chr(10))[0]}") from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(t, Tensor) for t in content.values())
    ):
        raise WeightsError(
            f"{path}: no state dict in it; expected names and tensors, bare or under 'state_dict'"
        )
    return content


def _from_header(
    header: dict[str, Any], *, path: str
) -> tuple[SwinConfig | None, tuple[str, ...], ClipSpec, dict[str, str]]:
    if not header:
        return None, (), ClipSpec(), {}
    if header.get("version") != HEADER_VERSION:
        raise WeightsError(
            f"{path}: header version {header.get('version')!r}; this videoswin reads {HEADER_VERSION}"
        )
    try:
        config, clip = SwinConfig(**header["config"]), ClipSpec(**header["clip"])
        labels = tuple(map(str, header["labels"]))
        if labels and len(labels) != config.num_classes:
            raise ConfigError(f"{len(labels)} labels for {config.num_classes} classes")
        return config, labels, clip, {str(key): str(value) for key, value in header["notes"].items()}
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise WeightsError(f"{path}: damaged videoswin header: {error}") from error
