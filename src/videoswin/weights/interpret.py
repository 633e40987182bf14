"""From the tensors of a file, as it names them, to those of a Video Swin: strip, recognise, rename, inflate,
resize. It reads no files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from videoswin.errors import ConfigError, WeightsError, printable
from videoswin.model import SwinConfig
from videoswin.values import ClipSpec, Size3
from videoswin.weights.flat import FLAT_FORMATS, FlatName, from_flat, identify
from videoswin.weights.formats import MAX_STAGES, FormatName, convert
from videoswin.weights.infer import infer_config
from videoswin.weights.inflate import inflate
from videoswin.weights.inflation import Inflation
from videoswin.weights.model import Weights
from videoswin.weights.temporal import Offsets, resize_tables

HEADER_VERSION = 1
PEER = "peer"
"""Key of the header of another backbone's weights (videoswin.peers.header), which is no Video Swin."""
MAX_REASON = 800
PREFIXES = ("module.", "_orig_mod.", "backbone.", "model.", "encoder.")
"""What wrappers put before every name: DataParallel, torch.compile, mm*, Lightning, encoders in a model."""


def interpret(
    tensors: Mapping[str, Tensor],
    header: Mapping[str, Any],
    *,
    path: str,
    inflation: Inflation,
    window: Size3 | None,
    offsets: Offsets,
) -> Weights:
    """The weights that the tensors and our header (empty if there was none) stand for; see `files.read`."""
    if PEER in header:
        raise WeightsError(
            "weights of a peer, not of a Video Swin; videoswin evaluate and videoswin predict take them, "
            "videoswin train with the same --peer"
        )
    source, stripped, prefixes = recognise_wrapped(tensors)
    steps = [f"prefix {prefix} stripped from {len(tensors)} names" for prefix in prefixes]
    config, labels, clip, notes = from_header(header)
    if source in FLAT_FORMATS:
        state_dict, config, done = _inflated(stripped, source, path=path, inflation=inflation, window=window)
    elif inflation == Inflation():
        state_dict, config, done = _renamed(stripped, config, path=path, window=window, offsets=offsets)
    else:
        raise ConfigError(f"{path} is a 3D model ({source}), which is not inflated; leave inflation out")
    return Weights(
        path=path,
        state_dict=state_dict,
        config=config,
        labels=labels,
        clip=clip,
        source_format=source,
        notes=notes,
        has_head=source not in FLAT_FORMATS,
        steps=(*steps, *done),
    )


def _inflated(
    tensors: Mapping[str, Tensor],
    source: FlatName,
    *,
    path: str,
    inflation: Inflation,
    window: Size3 | None,
) -> tuple[dict[str, Tensor], SwinConfig, list[str]]:
    """A 2D Swin's tensors under our names and in 3D, their configuration, and what was done."""
    flat, numbers = _as_float32(from_flat(tensors, source=source))
    state_dict, new_window, done = inflate(flat, inflation=inflation, window=window)
    config = infer_config(state_dict, path=path, window=new_window, has_head=False)
    dropped = sum(key.endswith(FLAT_FORMATS[source].buffers) for key in tensors)
    buffers = [f"buffers dropped: {dropped}"] if dropped else []
    return (
        state_dict,
        config,
        [f"a 2D Swin with {source} names", *numbers, *done, *buffers, "the head is new"],
    )


def _renamed(
    tensors: Mapping[str, Tensor],
    config: SwinConfig | None,
    *,
    path: str,
    window: Size3 | None,
    offsets: Offsets,
) -> tuple[dict[str, Tensor], SwinConfig, list[str]]:
    """A Video Swin's tensors under our names, with bias tables for `window`; the same as of `_inflated`."""
    state_dict, steps = _as_float32(convert(tensors, to="videoswin"))
    frames = None if window is None else window.t
    config = config or infer_config({**tensors, **state_dict}, path=path, frames=frames)
    if window is not None and window != config.window:
        wanted = replace(config, window=window)
        state_dict, resized = resize_tables(state_dict, config, wanted, offsets=offsets)
        steps.append(_window_step(config, window, offsets, resized=resized))
        config = wanted
    return state_dict, config, steps


def recognise_wrapped(
    tensors: Mapping[str, Tensor],
) -> tuple[FormatName | FlatName, dict[str, Tensor], tuple[str, ...]]:
    """The format, the tensors without the declared prefixes around all their names, and those prefixes.

    Raises WeightsError if no format is left under any number of prefixes.
    """
    prefixes: list[str] = []
    stripped = dict(tensors)
    while True:
        try:
            return identify(stripped), stripped, tuple(prefixes)
        except WeightsError:
            prefix = next((p for p in PREFIXES if stripped and all(k.startswith(p) for k in stripped)), None)
            if prefix is None:
                raise
        prefixes.append(prefix)
        stripped = {key.removeprefix(prefix): tensor for key, tensor in stripped.items()}


def in_one_line(error: WeightsError, *, path: str) -> WeightsError:
    """The error as one line that names the file: names in a file may be long and hold line ends and control
    characters."""
    reason = printable(str(error).removeprefix(f"{path}: ").removeprefix(f"{printable(path)}: "))
    return WeightsError(
        f"{printable(path)}: {reason[:MAX_REASON]}{'...' if len(reason) > MAX_REASON else ''}"
    )


def _as_float32(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors in float32, and a line for every other type they had."""
    odd = next((name for name, tensor in tensors.items() if not tensor.is_floating_point()), None)
    if odd is not None:
        kind = str(tensors[odd].dtype).removeprefix("torch.")
        raise WeightsError(f"{odd} is {kind}; expected floating-point numbers")
    counts = Counter(str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values())
    lines = [f"{n} tensors from {kind} to float32" for kind, n in counts.items() if kind != "float32"]
    return {name: tensor.to(torch.float32) for name, tensor in tensors.items()}, lines


def _window_step(config: SwinConfig, window: Size3, offsets: Offsets, *, resized: int) -> str:
    old, new = ("x".join(map(str, size)) for size in (config.window, window))
    if resized == 0:
        return f"window {old} to {new}, which no bias table depends on"
    has_time = config.design == "joint" or config.temporal_bias
    how: list[str] = [offsets] if has_time and config.window[0] != window.t else []
    how += ["bicubic"] if config.window[1:] != window[1:] else []
    return f"{resized} bias tables from window {old} to {new} ({', '.join(how)})"


def from_header(
    header: Mapping[str, Any],
) -> tuple[SwinConfig | None, tuple[str, ...], ClipSpec, dict[str, str]]:
    """Configuration, labels, clip and notes of our header. Raises WeightsError if it is damaged or of another
    version."""
    if not header:
        return None, (), ClipSpec(), {}
    if header.get("version") != HEADER_VERSION:
        raise WeightsError(f"header version {header.get('version')!r}; this videoswin reads {HEADER_VERSION}")
    try:
        stages = len(header["config"].get("depths", ()))
        if stages > MAX_STAGES:
            raise ConfigError(f"{stages} stages; expected at most {MAX_STAGES}")
        config, clip = SwinConfig(**header["config"]), ClipSpec(**header["clip"])
        labels = tuple(map(str, header["labels"]))
        if labels and len(labels) != config.num_classes:
            raise ConfigError(f"{len(labels)} labels for {config.num_classes} classes")
        return config, labels, clip, {str(key): str(value) for key, value in header["notes"].items()}
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise WeightsError(f"damaged videoswin header: {error}") from error
