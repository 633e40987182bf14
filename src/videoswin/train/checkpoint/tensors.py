"""Named tensors as the bytes of a safetensors file, one at a time, and back.

safetensors' own writer wants all of them at once and neither flushes nor hashes; what is written here is read
by safetensors itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import torch
from torch import Tensor

from videoswin.errors import CheckpointError

_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def header_of(tensors: Mapping[str, Tensor]) -> bytes:
    """The beginning of the file: length of the header in 8 bytes, JSON, spaces up to a multiple of 8.

    Raises ValueError for a kind of tensor or a name that the format does not have.
    """
    entries: dict[str, object] = {}
    end = 0
    for name in _order(tensors):
        tensor = tensors[name]
        if tensor.dtype not in _DTYPES or tensor.layout != torch.strided or name == "__metadata__":
            raise ValueError(f"tensor {name!r} ({tensor.layout}, {tensor.dtype}) can't be saved")
        begin, end = end, end + tensor.numel() * tensor.element_size()
        entries[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def num_bytes(tensors: Mapping[str, Tensor]) -> int:
    """Of the numbers, without the header."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def parts_of(tensors: Mapping[str, Tensor], header: bytes) -> Iterator[memoryview]:
    """The file in pieces, each tensor copied to the CPU when its turn comes."""
    yield memoryview(header)
    for name in _order(tensors):
        flat = tensors[name].detach().to("cpu").contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().data


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU. Raises CheckpointError if it is no safetensors file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path.name}: no readable safetensors file: {error}") from error


def _order(tensors: Mapping[str, Tensor]) -> list[str]:
    # Wide numbers first, so that each lies at a multiple of its width.
    return sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
