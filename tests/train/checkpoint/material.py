"""Snapshots to save, each a function of its step."""

from __future__ import annotations

from pathlib import Path

import torch

from videoswin.train.checkpoint import Snapshot


def snapshot(step: int, *, size: int = 100) -> Snapshot:
    generator = torch.Generator().manual_seed(step)
    return Snapshot(
        step=step,
        tensors={
            "model": {
                "weight": torch.randn(size, generator=generator),
                "bias": torch.full((3,), float(step)),
            },
            "optimizer": {"weight.exp_avg": torch.randn(size, generator=generator)},
        },
        state={"epoch": step // 10, "loss": step / 7},
    )


def assert_equal(found: Snapshot | None, expected: Snapshot) -> None:
    assert found is not None
    assert (found.step, found.state) == (expected.step, expected.state)
    assert found.tensors.keys() == expected.tensors.keys()
    for group, tensors in expected.tensors.items():
        assert found.tensors[group].keys() == tensors.keys()
        for name, tensor in tensors.items():
            other = found.tensors[group][name]
            assert (other.dtype, other.shape) == (tensor.dtype, tensor.shape)
            assert torch.equal(other.view(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
