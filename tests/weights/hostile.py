"""More than 200 weights files that are damaged or meant to do harm, made from small sound ones."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from tests.weights import plain2d
from videoswin import weights
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec

MICRO = SwinConfig(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)
CANARY = "canary"


class Code:
    """Its pickle makes a folder when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (CANARY,)


class Evaluated:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"__import__('os').mkdir({CANARY!r})",)


def write_all(folder: Path) -> tuple[set[str], set[str]]:
    """Write the files; the names of those that must be refused, and of those that may turn out harmless."""
    sound = _sound(folder)
    refused: dict[str, bytes] = {}
    for make in (_truncated, _pickles, _zips, _headers, _states, _our_headers):
        refused |= make(sound)
    maybe = _flipped(sound)
    for name, content in (refused | maybe).items():
        (folder / name).write_bytes(content)
    return set(refused), set(maybe)


def _sound(folder: Path) -> dict[str, bytes]:
    """Ours, an official .pth and a 2D .pth, each of which loads."""
    torch.manual_seed(0)
    model, scratch = VideoSwin(MICRO), folder / "sound"
    weights.save(scratch, model, labels=("a", "b", "c"), clip=ClipSpec(size=24))
    ours = scratch.read_bytes()
    weights.save_foreign(scratch, model, to="official")
    official = scratch.read_bytes()
    scratch.unlink()
    flat = plain2d.random_state(width=8, depths=(1, 1), heads=(1, 2), window=3, seed=0)
    return {"ours.safetensors": ours, "official.pth": official, "flat.pth": _pth({"model": flat})}


def _pth(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _state() -> dict[str, Tensor]:
    return dict(VideoSwin(MICRO).state_dict())


def _truncated(sound: dict[str, bytes]) -> dict[str, bytes]:
    shares = [i / 20 for i in range(1, 20)]
    return {
        f"truncated-{share}-{name}": content[: int(len(content) * share)]
        for name, content in sound.items()
        for share in shares
    } | {
        f"first-{size}-bytes-{name}": content[:size]
        for name, content in sound.items()
        for size in (1, 8, 9, 40)
    }


def _flipped(sound: dict[str, bytes]) -> dict[str, bytes]:
    """One bit, in the header of safetensors or the pickle and the directory of a zip."""
    chance, found = random.Random(0), {}
    for name, content in sound.items():
        if name.endswith(".pth"):
            pickled, directory = content.find(b"data.pkl"), content.find(b"PK\x01\x02")
            ranges = [(0, 60), (pickled, pickled + 3000), (directory, len(content))]
        else:
            ranges = [(0, 16), (8, 8 + int.from_bytes(content[:8], "little"))]
        for number in range(30):
            start, stop = ranges[number % len(ranges)]
            position = chance.randrange(start, stop)
            changed = bytearray(content)
            changed[position] ^= 1 << chance.randrange(8)
            found[f"flipped-{number}-{name}"] = bytes(changed)
    return found


def _pickles(sound: dict[str, bytes]) -> dict[str, bytes]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"), io.BytesIO())
    array, arrays = io.BytesIO(), io.BytesIO()
    np.save(array, np.array([Code()], dtype=object), allow_pickle=True)
    np.savez(arrays, weights=np.array([Code()], dtype=object))
    bare = {f"pickle-protocol-{number}.pth": pickle.dumps(Code(), protocol=number) for number in range(6)}
    legacy = io.BytesIO()
    torch.save(_state(), legacy, _use_new_zipfile_serialization=False)
    return bare | {
        "code.pth": _pth(Code()),
        "code-in-state-dict.pth": _pth({"state_dict": Code()}),
        "code-beside.pth": _pth({"state_dict": _state(), "meta": Code()}),
        "code-as-tensor.pth": _pth(_state() | {"norm.weight": Evaluated()}),
        "code-in-list.pth": _pth([[[Evaluated()]]]),
        "module.pth": _pth(torch.nn.Linear(1, 1)),
        "legacy.pth": legacy.getvalue(),
        "code.tar": tar.getvalue(),
        "code.npy": array.getvalue(),
        "code.npz": arrays.getvalue(),
        "code.safetensors": pickle.dumps(Code()),
    }


def rezipped(content: bytes, change: Callable[[str, bytes], bytes], **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(file, "w", **options) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, change(entry.filename, source.read(entry)))
    return file.getvalue()


def _zips(sound: dict[str, bytes]) -> dict[str, bytes]:
    official = sound["official.pth"]

    def swollen(name: str, data: bytes) -> bytes:
        return data + bytes(300 << 20) if name.endswith("data/0") else data

    def replaced(old: bytes, new: bytes) -> bytes:
        return rezipped(official, lambda name, data: data.replace(old, new) if name.endswith("pkl") else data)

    def with_pickle(program: bytes) -> bytes:
        return rezipped(official, lambda name, data: program if name.endswith("data.pkl") else data)

    script = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), script)
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(3000):
            archive.writestr(f"archive/data/{number}", b"")
    # t = (t, t) sixty times, as the key of a dictionary.
    doubled = b"".join(bytes([0x71, i, 0x68, i, 0x86]) for i in range(60))
    return {
        "bomb-300MB.pth": rezipped(official, swollen, compression=zipfile.ZIP_DEFLATED),
        "bomb-in-pickle.pth": with_pickle(b"\x80\x02" + b"]" * (20 << 20) + b"."),
        "pickle-of-lists.pth": with_pickle(b"\x80\x02" + b"]" * 100_000 + b"."),
        "pickle-of-doubled-tuples.pth": with_pickle(b"\x80\x02})" + doubled + b"K\x01s."),
        "pickle-empty.pth": with_pickle(b""),
        "pickle-of-noise.pth": with_pickle(bytes(random.Random(1).randbytes(500))),
        "pickle-stack-global.pth": with_pickle(b"\x80\x04\x8c\x05posix\x8c\x05mkdir\x93\x8c\x06canary\x85R."),
        "pickle-inst.pth": with_pickle(b"(X\x06\x00\x00\x00canaryios\nmkdir\n."),
        "pickle-extension.pth": with_pickle(b"\x80\x02\x82\x01."),
        "pickle-huge-string.pth": with_pickle(b"\x80\x02X\xff\xff\xff\x7fabc."),
        "pickle-huge-integer.pth": with_pickle(b"\x80\x02\x8b\xff\xff\xff\x7f1."),
        "storage-larger-than-record.pth": replaced(b"K\x08\x85", b"J\xff\xff\xff\x7f\x85"),
        "storage-of-another-key.pth": replaced(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x00z"),
        "torchscript.pt": script.getvalue(),
        "no-pickle.pth": many.getvalue(),
        "empty.zip": b"PK\x05\x06" + bytes(18),
        "two-of-a-name.pth": _twice(official),
        "missing-records.pth": rezipped(official, lambda name, data: b"" if "/data/" in name else data),
        "spanned.zip": b"PK\x07\x08" + official,
    }  # fmt: skip


def _twice(content: bytes) -> bytes:
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        entry = zipfile.ZipInfo(name)
        archive.filelist.append(archive.getinfo(name))
        del archive.NameToInfo[name]
        archive.writestr(entry, pickle.dumps(Code(), protocol=2))
    return file.getvalue()


def _headers(sound: dict[str, bytes]) -> dict[str, bytes]:
    """safetensors whose header does not fit its file."""

    def file(header: object, data: bytes = b"", size: int | None = None) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if size is None else size) + text + data

    def one(dtype: str, shape: list[Any], offsets: list[int], data: bytes = bytes(8)) -> bytes:
        return file({"norm.weight": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}, data)

    nested = b'{"__metadata__":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    both = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    return {
        "length-over-file.safetensors": file({}, size=1 << 20),
        "length-2-63.safetensors": file({}, size=1 << 63),
        "length-0.safetensors": file({}, size=0),
        "no-tensors.safetensors": file({}),
        "not-json.safetensors": file(b"{abc}"),
        "not-utf8.safetensors": file(b'{"\xff":1}'),
        "nested.safetensors": file(nested),
        "list.safetensors": file(b"{}[]"),
        "past-end.safetensors": one("F32", [4], [0, 16]),
        "backwards.safetensors": one("F32", [2], [8, 0]),
        "negative.safetensors": one("F32", [-2], [0, 8]),
        "shape-too-large.safetensors": one("F32", [1 << 40, 1 << 40], [0, 8]),
        "overflowing-shape.safetensors": one("F32", [1 << 63, 2], [0, 8]),
        "unknown-dtype.safetensors": one("F31", [2], [0, 8]),
        "complex.safetensors": one("C64", [1], [0, 8]),
        "four-bits.safetensors": one("F4", [16], [0, 8]),
        "scales.safetensors": one("F8_E8M0", [8], [0, 8]),
        "bytes.safetensors": one("U8", [8], [0, 8]),
        "empty-tensor.safetensors": one("F32", [0], [0, 0], b""),
        "trailing.safetensors": one("F32", [1], [0, 4]),
        "trailing-ours.safetensors": sound["ours.safetensors"] + b"more",
        "overlap.safetensors": file({"a": both, "b": both}, bytes(4)),
        "hole.safetensors": file({"a": both, "b": both | {"data_offsets": [8, 12]}}, bytes(12)),
        "twice.safetensors": file(b'{"a":%s,"a":%s}' % ((json.dumps(both).encode(),) * 2), bytes(8)),
        "html.safetensors": b"<!DOCTYPE html><html>Not found</html>",
        "pointer.pth": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "empty.pth": b"",
        "zeros.pth": bytes(4096),
        "noise.safetensors": random.Random(2).randbytes(4096),
    }


def _states(sound: dict[str, bytes]) -> dict[str, bytes]:
    """Sound containers of tensors that are no model."""
    contents = {"nothing": {}, "number": 3, "names": {1: torch.zeros(1)}, "text": {"a": "b"}}
    return {f"{name}.pth": _pth(content) for name, content in contents.items()} | {
        f"{name}.{kind}": content for name, state in _odd_states() for kind, content in _contained(state)
    }


def _contained(state: dict[str, Tensor]) -> Iterator[tuple[str, bytes]]:
    yield "pth", _pth({"state_dict": state})
    if all(
        t.layout == torch.strided and t.device.type == "cpu" and t.is_contiguous() for t in state.values()
    ):
        if not any(t.is_quantized for t in state.values()):
            yield "safetensors", safetensors.torch.save(state)


def _odd_states() -> Iterator[tuple[str, dict[str, Tensor]]]:
    table, norm = "layers.0.blocks.0.attn.relative_position_bias_table", "norm.weight"
    sound = _state()
    filled = {"nan": float("nan"), "infinite": float("inf")}
    for name, value in filled.items():
        yield name, sound | {norm: torch.full((16,), value)}
    odd = {
        "complex": torch.zeros(16, dtype=torch.complex64),
        "int8": torch.zeros(16, dtype=torch.int8),
        "bool": torch.zeros(16, dtype=torch.bool),
        "scalar": torch.tensor(1.0),
        "long": torch.zeros(17),
        "without-elements": torch.zeros(0),
        "sparse": torch.zeros(16).to_sparse(),
        "compressed": torch.zeros(16, 16).to_sparse_csr(),
        "quantised": torch.quantize_per_tensor(torch.zeros(16), 0.1, 0, torch.qint8),
        "meta": torch.empty(1 << 40, device="meta"),
        "expanded": torch.zeros(1).expand(1 << 40),
        "huge-dimensions": torch.zeros(1).expand(1 << 20, 1 << 20),
    }
    for name, tensor in odd.items():
        yield f"{name}-norm", sound | {norm: tensor}
    for rows in (0, 1, 2025, 44):
        yield f"table-{rows}", sound | {table: torch.zeros(rows, 1)}
    yield "table-flat", sound | {table: torch.zeros(75)}
    yield "heads", sound | {table: torch.zeros(75, 3)}
    yield "patch-2d-in-3d", sound | {"patch_embed.proj.weight": torch.zeros(8, 3, 4)}
    yield "patch-none", sound | {"patch_embed.proj.weight": torch.zeros(0, 3, 2, 4, 4)}
    yield "patch-flat", sound | {"patch_embed.proj.weight": torch.zeros(8, 3, 4, 4)}
    yield "stages", sound | {"layers.999999999.norm.weight": torch.zeros(1)}
    yield "more-stages", sound | {"features.99999999999999999999.0.norm.weight": torch.zeros(1)}
    yield "line-ends", sound | {"norm\n\x1b[31m.weight": torch.zeros(1)}
    yield (
        "prefixes",
        {"module." * 300 + name: tensor for name, tensor in sound.items()} | {"x": torch.zeros(1)},
    )
    yield "swin-v2", sound | {"layers.0.blocks.0.attn.logit_scale": torch.zeros(1)}
    for name in ("patch_embed.proj.weight", "head.weight", table, "layers.1.blocks.0.mlp.fc1.bias"):
        yield f"without-{name}", OrderedDict((k, t) for k, t in sound.items() if k != name)


def _our_headers(sound: dict[str, bytes]) -> dict[str, bytes]:
    """Our own files whose header claims another model, or nonsense."""
    state = _state()
    base = {"version": 1, "config": asdict(MICRO), "labels": [], "clip": asdict(ClipSpec()), "notes": {}}

    def file(**change: object) -> bytes:
        return safetensors.torch.save(state, metadata={"videoswin": json.dumps(base | change)})

    configs: dict[str, dict[str, object]] = {
        "wide": {"embed_dim": 10**12, "num_heads": (1, 1)},
        "astronomic": {"embed_dim": 10**30, "num_heads": (1, 1)},
        "deep": {"depths": (10**9, 1)},
        "many-stages": {"depths": (1,) * 10**5, "num_heads": (1,) * 10**5},
        "window": {"window": (10**6, 10**6, 10**6)},
        "large-window": {"window": (3000, 3000, 3000)},
        "classes": {"num_classes": 10**15},
        "patch": {"patch": (10**9, 10**9, 10**9)},
        "mlp": {"mlp_ratio": 1e300},
        "mlp-nan": {"mlp_ratio": float("nan")},
        "text": {"embed_dim": "8"},
        "null": {"window": None},
        "list": {"num_heads": [[1], [2]]},
        "fraction": {"depths": [1.5, 1]},
        "negative": {"in_channels": -3},
    }
    found = {
        f"config-{name}.safetensors": file(config=asdict(MICRO) | change) for name, change in configs.items()
    }
    others: dict[str, object] = {
        "version": "1e999",
        "labels": 7,
        "clip": {"size": -1},
        "notes": [1],
        "config": [],
    }
    found |= {f"header-{name}.safetensors": file(**{name: value}) for name, value in others.items()}
    raw = {"text": "abc", "list": "[1]", "number": "7", "nested": "[" * 10**5, "nothing": "null"}
    return found | {
        f"header-of-{name}.safetensors": safetensors.torch.save(state, metadata={"videoswin": text})
        for name, text in raw.items()
    }
