"""What is saved comes back as it was, to the last bit."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.train.checkpoint.material import assert_equal, snapshot
from videoswin.train.checkpoint import CheckpointFolder, Snapshot, read

TENSORS = {
    "float64": torch.tensor([1 / 3, math.inf, math.nan], dtype=torch.float64),
    "float32": torch.randn(2, 3, 4).transpose(0, 2),  # not contiguous
    "float16": torch.randn(5).half(),
    "bfloat16": torch.randn(5).bfloat16(),
    "float8": torch.randn(3).to(torch.float8_e4m3fn),
    "number": torch.tensor(7.5),
    "count": torch.tensor(2**40),
    "mask": torch.tensor([True, False, True]),
    "bytes": torch.arange(7, dtype=torch.uint8),
    "nothing": torch.zeros(0, 3),
    "name with spaces ü.0/1": torch.ones(1),
}


def test_every_kind_of_tensor_comes_back_bit_for_bit(tmp_path: Path) -> None:
    saved = Snapshot(step=3, tensors={"model": TENSORS, "ema": {}}, state={})
    assert_equal(read(CheckpointFolder(tmp_path).save(saved)), saved)


def test_the_files_are_ordinary_safetensors(tmp_path: Path) -> None:
    path = CheckpointFolder(tmp_path).save(snapshot(4))
    found = safetensors.torch.load_file(path / "optimizer.safetensors")
    assert torch.equal(found["weight.exp_avg"], snapshot(4).tensors["optimizer"]["weight.exp_avg"])


def test_the_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"loss": 0.1 + 0.2, "best": -math.inf, "list": [1, None, True, {"a": "ü\n"}], "empty": {}}
    saved = Snapshot(step=0, tensors={}, state=state)
    found = read(CheckpointFolder(tmp_path).save(saved)).state
    assert found == state
    assert [type(value) for value in found["list"]] == [int, type(None), bool, dict]


def test_a_copy_does_not_follow_later_updates() -> None:
    live = snapshot(1)
    copied = live.copied()
    live.tensors["model"]["weight"].zero_()
    live.state["epoch"] = 9
    assert_equal(copied, snapshot(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": -1}, r"step is -1; allowed: 0 or more"),
        ({"tensors": {"../x": {}}}, r"group of tensors '../x'; allowed: small letters, digits, _"),
        ({"state": {"a": {1: 2}}}, r"state.a has the key 1; allowed: text"),
        ({"state": {"a": [0, (1, 2)]}}, r"state.a\[1\] is a tuple; allowed: plain JSON values"),
        ({"state": {"t": torch.ones(1)}}, r"state.t is a Tensor; allowed: plain JSON values"),
    ],
)
def test_what_would_not_come_back_is_refused(change: dict[str, object], message: str) -> None:
    values: dict[str, object] = {"step": 0, "tensors": {}, "state": {}}
    with pytest.raises(ValueError, match=message):
        Snapshot(**(values | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("wave", torch.ones(2, dtype=torch.complex64)),
        ("sparse", torch.ones(2).to_sparse()),
        ("__metadata__", torch.ones(2)),
    ],
)
def test_a_tensor_that_the_format_lacks_is_named(tmp_path: Path, name: str, tensor: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=f"tensor '{name}' .* can't be saved"):
        CheckpointFolder(tmp_path).save(Snapshot(step=0, tensors={"model": {name: tensor}}, state={}))
    assert list(tmp_path.iterdir()) == []
