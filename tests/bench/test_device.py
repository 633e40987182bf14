"""The clock and the names of devices, as far as a machine without a GPU shows them."""

from __future__ import annotations

import time

import pytest
import torch

from videoswin.bench.device import CPU, calls_a_round, describe, find_device, peak_bytes, seconds_of
from videoswin.bench.limit import TimeLimit
from videoswin.bench.precisions import eager
from videoswin.bench.steps import INPUT_BYTES, MOST_SETS, input_sets, num_sets
from videoswin.errors import ConfigError


def test_an_unknown_device_is_named():
    with pytest.raises(ConfigError, match="device is 'gpu'; allowed: auto, cpu, cuda"):
        find_device("gpu")


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == CPU
    with pytest.raises(ConfigError, match="torch sees no CUDA GPU"):
        find_device("cuda")


def test_seconds_are_those_of_one_call():
    calls = []

    def work() -> None:
        calls.append(time.sleep(0.02))

    assert 0.02 <= seconds_of(work, CPU, 3) < 2
    assert len(calls) == 3


def test_on_a_cpu_a_round_is_a_call_and_memory_is_not_known():
    calls = []
    assert calls_a_round(lambda: calls.append(1), CPU) == 1
    assert peak_bytes(lambda: calls.append(1), CPU) is None
    assert calls == []
    assert describe(CPU) == ""


def test_tf32_holds_during_a_step_alone():
    before = torch.get_float32_matmul_precision()
    with eager(torch.device("cuda"))["tf32"].around():
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before
    assert "tf32" not in eager(CPU)


@pytest.mark.parametrize("set_bytes", [1 << 10, 5 << 20, 20 << 20, 1 << 30])
def test_inputs_in_turn_do_not_fit_a_cache(set_bytes):
    count = num_sets(set_bytes)
    assert 3 <= count <= MOST_SETS
    assert count * set_bytes >= INPUT_BYTES or count == MOST_SETS


def test_input_sets_differ_and_are_the_same_at_every_call():
    first, second = input_sets(1, (2, 4, 4), CPU), input_sets(1, (2, 4, 4), CPU)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])


def test_a_negative_time_limit_is_refused():
    with pytest.raises(ConfigError, match="time_limit is -1; allowed: 0"):
        TimeLimit(-1)
