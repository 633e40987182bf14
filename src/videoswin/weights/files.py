"""Weights files: ours (safetensors with the configuration in the header) written and read, foreign ones
read, and written for those who need them."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from videoswin.errors import ConfigError, WeightsError, printable
from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.shifts import SHIFTS
from videoswin.storage import write_atomically
from videoswin.values import ClipSpec, Size3
from videoswin.weights import zoo
from videoswin.weights.container import HEADER, read_tensors
from videoswin.weights.formats import FormatName, convert
from videoswin.weights.inflation import Inflation
from videoswin.weights.interpret import HEADER_VERSION, in_one_line, interpret
from videoswin.weights.model import Weights, build
from videoswin.weights.temporal import Offsets

log = logging.getLogger(__name__)


def load(
    path: str | os.PathLike[str],
    num_classes: int | None = None,
    *,
    inflation: Inflation = Inflation(),  # noqa: B008 (frozen)
    window: Size3 | None = None,
    offsets: Offsets = "stretch",
) -> VideoSwin:
    """A model from a weights file, in eval mode.

    path: our .safetensors, a .safetensors or .pth of the official code, mmaction2, torchvision or a 2D Swin,
    or the name of published weights. num_classes: another number of classes than the file's starts a new head
    (one log line says so); a 2D Swin needs it. The others as in `read`.

    Raises WeightsError, one line with file and cause, for a file that is missing, damaged, unknown or does
    not fit.

    >>> model = videoswin.load("swin_tiny_patch244_window877_kinetics400_1k.pth")
    >>> model(clips).shape  # clips: (1, 3, 32, 224, 224) uint8
    torch.Size([1, 400])
    """
    found = read(path, inflation=inflation, window=window, offsets=offsets)
    return build(found, num_classes=num_classes).eval()


def read(
    path: str | os.PathLike[str],
    *,
    inflation: Inflation = Inflation(),  # noqa: B008 (frozen)
    window: Size3 | None = None,
    offsets: Offsets = "stretch",
) -> Weights:
    """Everything a weights file holds, its tensors under our names in float32 and of a Video Swin.

    path: a file, or the name of published weights (`videoswin weights list`), which are downloaded when they
    are used for the first time. A published file gets its class names and clip, which it does not hold.
    inflation: how a 2D Swin becomes one; refused for a 3D file unless it is the default. window: the
    attention window wanted, for any file; None keeps that of the file (a 2D one has
    `inflation.temporal_window` in time). offsets: how bias tables of a 3D file get another temporal
    window (weights/temporal.py).

    One log line says what was stripped, converted, inflated, resized, dropped and is new, if anything was.
    Raises WeightsError as `load` does, ConfigError for options that do not fit the file.
    """
    _require_window(window)
    name = os.fspath(zoo.resolve(path))
    try:
        tensors, header = read_tensors(name)
        weights = interpret(tensors, header, path=name, inflation=inflation, window=window, offsets=offsets)
    except WeightsError as error:
        raise in_one_line(error, path=name) from error
    weights = _with_published(weights)
    if weights.steps:
        log.info("%s: %s", printable(name), "; ".join(weights.steps))
    return weights


def _with_published(weights: Weights) -> Weights:
    """With the labels and the clip of the published file that has this name, format and model."""
    published = zoo.by_file(weights.path)
    is_it = (
        published is not None
        and published.source == weights.source_format
        and published.config.num_classes == weights.config.num_classes
        and (published.config.embed_dim, published.config.depths)
        == (weights.config.embed_dim, weights.config.depths)
    )
    if published is None or not is_it:
        return weights
    step = f"labels of {published.label_set} and clip as published for {published.name}, by the file's name"
    return replace(
        weights,
        labels=zoo.labels(published.label_set),
        clip=published.clip,
        steps=(*weights.steps, step),
    )


def _require_window(window: Size3 | None) -> None:
    if window is not None and (len(window) != 3 or min(window) < 1):
        raise ConfigError(
            f"window is {tuple(window)!r}; allowed: three numbers of at least 1 (time, height, width)"
        )


def save(
    path: str | os.PathLike[str],
    model: VideoSwin,
    *,
    labels: tuple[str, ...],
    clip: ClipSpec,
    notes: Mapping[str, str] | None = None,
    tensors: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model as safetensors, atomically; configuration, class names, clip and notes go into the
    header.

    tensors: whole ones to write for a model that holds only parts of its own (FSDP2).

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
    write_tensors(Path(path), model.state_dict() if tensors is None else tensors, header)


def write_tensors(path: Path, state_dict: Mapping[str, Tensor], header: Mapping[str, object]) -> None:
    """Write tensors as safetensors with our header, atomically. Raises StorageError if writing fails."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state_dict.items()}
    metadata = {"format": "pt", HEADER: json.dumps(header, ensure_ascii=False)}
    write_atomically(path, _with_sorted_header(safetensors.torch.save(tensors, metadata=metadata)))


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

    Raises WeightsError, and writes nothing, for a model that the other library would compute differently: of
    another design than joint, or with windows that do not shift in time and space.
    """
    _require_published_shift(model.config, to=to)
    state_dict = convert(model.state_dict(), to=to)
    # torchvision's files are bare state dicts; the mm family keeps them under a key, beside what it calls
    # meta.
    content = state_dict if to == "torchvision" else {"state_dict": state_dict, "meta": {}}
    file = io.BytesIO()
    torch.save(content, file)
    write_atomically(Path(path), file.getvalue())


def _require_published_shift(config: SwinConfig, *, to: FormatName) -> None:
    """A window of one frame does not shift in time in any library, so `spatial` is the same there."""
    window = Size3(*config.window)
    if to != "videoswin" and SHIFTS[config.shift](window) != SHIFTS["3d"](window):
        raise WeightsError(
            f"a model whose windows shift {config.shift!r} can't be written for {to}, where they always "
            "shift in time and space: it would compute something else there"
        )
