"""Sizes of tiles, warps and pipeline stages of each kernel: defaults that were compiled for sm_90 without
spills (docs/kernels.md), and what tuning found on this machine instead.

Knows no Triton and no tensors of pixels.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from videoswin.storage import write_atomically

log = logging.getLogger(__name__)
Kernel = Literal["forward", "query_gradient", "key_gradient", "bias_gradient"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """rows and columns of a tile of scores that a program works on at a time (powers of two, 16 or more; what
    the program owns are the rows), num_warps warps, loads num_stages steps ahead."""

    rows: int
    columns: int
    num_warps: int
    num_stages: int

    def __post_init__(self) -> None:
        for name, least in (("rows", 16), ("columns", 16), ("num_warps", 1), ("num_stages", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least or (name != "num_stages" and value & (value - 1)):
                raise ValueError(f"{name} is {value!r}; allowed: powers of two from {least}")


def default_config(kernel: Kernel, width: int, dtype: torch.dtype) -> Config:
    """For heads of `width` channels.

    float32 is multiplied without tensor cores, from registers: small tiles. Else what keeps a program under
    128 registers a thread, so that four programs of four warps share a multiprocessor and the exponentials of
    one run beside the products of another; wider heads have larger accumulators and get fewer columns.
    """
    if dtype == torch.float32:
        # Keys have two accumulators, queries two inputs beside theirs.
        largest = {"key_gradient": 16, "query_gradient": 32}.get(kernel, 64)
        is_small = width <= largest
        rows = 32 if width <= 64 or (width <= 128 and kernel in ("key_gradient", "bias_gradient")) else 16
        return Config(rows=rows, columns=32 if is_small else 16, num_warps=4, num_stages=1)
    if width > 128:
        return Config(rows=64, columns=32, num_warps=8, num_stages=1)
    if width <= 32 and kernel == "forward":
        return Config(rows=64, columns=64, num_warps=4, num_stages=2)
    return Config(rows=64, columns=32, num_warps=4, num_stages=2)


def candidates(kernel: Kernel, width: int, dtype: torch.dtype) -> list[Config]:
    """What tuning tries, the default first."""
    default = default_config(kernel, width, dtype)
    if dtype == torch.float32:
        sizes = [(16, 32, 2), (32, 32, 4), (32, 64, 4), (64, 32, 4)]
    else:
        sizes = [(64, 32, 4), (64, 64, 4), (64, 128, 4), (128, 32, 4), (128, 32, 8), (128, 64, 8)]
    tried = [
        Config(rows=rows, columns=columns, num_warps=num_warps, num_stages=num_stages)
        for rows, columns, num_warps in sizes
        for num_stages in (1, 2, 3)
    ]
    return [default, *(config for config in tried if config != default)]


def key_of(kernel: Kernel, width: int, dtype: torch.dtype, box: int) -> str:
    """The name of a problem in the cache: best sizes depend on these; `box`: tokens of the largest box."""
    return f"{kernel} d{width} {str(dtype).removeprefix('torch.')} S{box}"


def cache_file(device_name: str, triton_version: str) -> Path:
    """In `VIDEOSWIN_CACHE`, else in `videoswin` in the user's cache folder: one file a device and Triton."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(os.environ.get("VIDEOSWIN_CACHE") or Path(home) / "videoswin") / "kernels"
    return folder / f"{device_name.replace(' ', '_')}-triton-{triton_version}.json"


@functools.lru_cache(maxsize=8)
def read_tuned(path: Path) -> dict[str, Config]:
    """What tuning kept; nothing if there is no file, or one that cannot be read (which is logged)."""
    try:
        content = json.loads(path.read_text())
        return {key: Config(**config) for key, config in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.warning("kernel sizes in %s are not used: %s", path, error)
        return {}


def keep_tuned(path: Path, tuned: dict[str, Config]) -> None:
    """Add to the file, atomically. Raises StorageError."""
    read_tuned.cache_clear()
    together = {key: asdict(config) for key, config in (read_tuned(path) | tuned).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(together, indent=1, sort_keys=True) + "\n").encode())
    read_tuned.cache_clear()
