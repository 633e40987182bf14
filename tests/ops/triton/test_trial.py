"""Kernels that compute something else, or fail, are seen before they are chosen."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses import FakeTensorMode

from tests.ops.triton.problems import DEVICE
from videoswin.ops import choice, triton
from videoswin.ops.triton import launch, trial


@pytest.fixture(autouse=True)
def untried():
    trial.fault.cache_clear()
    yield
    trial.fault.cache_clear()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_nothing_is_wrong(dtype):
    assert trial.fault(DEVICE, dtype, 16) is None
    assert triton.unavailable_for(DEVICE, dtype, 16) is None


def test_a_compiler_may_ask_while_it_traces():
    with FakeTensorMode():
        assert trial.fault(DEVICE, torch.float32, 16) is None


def test_a_checkpoint_around_the_first_attention_sees_nothing_of_it():
    def refuse(tensor):
        raise AssertionError("kept for the caller's backward pass")

    with torch.autograd.graph.saved_tensors_hooks(refuse, refuse):
        assert trial.fault(DEVICE, torch.float32, 16) is None


def test_a_default_device_does_not_matter():
    with torch.device("meta"):
        assert trial.fault(DEVICE, torch.float32, 16) is None


def test_it_leaves_the_random_numbers_alone():
    before = torch.get_rng_state()
    trial.fault(DEVICE, torch.float32, 16)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("number", [0.0, float("nan")])
def test_a_wrong_gradient_is_seen(number, monkeypatch):
    right = launch.fold
    monkeypatch.setattr(launch, "fold", lambda *arguments: right(*arguments) * number)
    reason = trial.fault(DEVICE, torch.float32, 16)
    assert reason.startswith("the kernels compute something else here: relative errors ")


def test_a_failure_is_a_reason_and_another_backend_is_chosen(monkeypatch):
    def fail(*arguments):
        raise RuntimeError("no kernel image is available\nfor this device")

    monkeypatch.setattr(launch, "run_forward", fail)
    monkeypatch.setattr(triton, "_device_unavailable", lambda device: None)
    expected = "the kernels fail here: RuntimeError: no kernel image is available"
    assert triton.unavailable_for(DEVICE, torch.float32, 16) == expected
    monkeypatch.setattr(choice, "_why_not_triton", lambda *sizes: triton.unavailable_for(DEVICE, *sizes[1:]))
    assert choice.select_backend(device="cuda", dtype=torch.float32, head_width=16) == "sdpa"
