"""Every part of a step is found, forward and backward, and the model is as it was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.profiler import DeviceType

from videoswin.bench.device import CPU
from videoswin.bench.parts import part_of, profile_step, times_of
from videoswin.bench.precisions import eager, frozen
from videoswin.bench.steps import STEPS
from videoswin.model import SwinConfig, VideoSwin

MICRO = SwinConfig(embed_dim=8, depths=(1, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)
LEARNT = {"patch embedding", "qkv", "attention", "projection", "MLP", "norms", "merging", "head"}


@pytest.mark.parametrize("backend", ["reference", "boxes"])
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_parts_of_a_step(mode, backend):
    model = VideoSwin(MICRO, attention_backend=backend)
    step = STEPS[mode](model, eager(CPU)["fp32"])
    clips = torch.randn(1, 3, 4, 24, 24)
    step(clips)
    times = profile_step(model, step, clips)
    assert set(times.parts) - {"the rest"} == LEARNT | ({"optimizer"} if mode == "training" else set())
    for part in LEARNT:
        forward, backward = times.parts[part]
        assert forward > 0
        assert (backward > 0) == (mode == "training"), part
    # What belongs to no part: residual additions and the loss. Another process may hold one step up.
    tries = (profile_step(model, step, clips).parts for _ in range(5))
    assert any(sum(parts["the rest"]) < sum(map(sum, parts.values())) / 3 for parts in tries)
    assert times.operators
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_parts_of_a_frozen_model(precision):
    model = VideoSwin(MICRO, attention_backend="boxes").eval()
    step = STEPS["inference"](model, frozen(CPU)[precision])
    clips = torch.randn(1, 3, 4, 24, 24)
    step(clips)
    times = profile_step(model, step, clips)
    assert set(times.parts) - {"the rest"} == LEARNT
    assert all(forward > 0 and backward == 0 for forward, backward in times.parts.values())


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("patch_embed", "patch embedding"),
        ("layers.0.blocks.1.attn.qkv", "qkv"),
        ("features.0.1.attn", "attention"),
        ("features.0.1.norm2", "norms"),
        ("backbone.norm3", "norms"),
        ("layers.0", None),
    ],
)
def test_names_of_parts_in_every_model(name, part):
    assert part_of(name, nn.Identity()) == part


def event(
    name: str, device: DeviceType, *, cpu: float, gpu: float, is_range: bool = False
) -> SimpleNamespace:
    """What the profiler records of one operator or kernel, times in microseconds."""
    return SimpleNamespace(
        name=name,
        device_type=device,
        cpu_parent=None,
        sequence_nr=-1,
        time_range=SimpleNamespace(start=0),
        self_cpu_time_total=cpu,
        self_device_time_total=gpu,
        is_user_annotation=is_range,
    )


def test_on_a_gpu_time_is_that_of_kernels():
    """The shape of what a CUDA profile has: an operator in a part, its kernel, a copy, and the shadow of our
    range among the kernels."""
    attention = event("part: attention", DeviceType.CPU, cpu=1e6, gpu=0)
    operator = event("aten::mm", DeviceType.CPU, cpu=5e6, gpu=3e6)
    operator.cpu_parent = attention
    shadow = event("part: attention", DeviceType.CUDA, cpu=0, gpu=3e6, is_range=True)
    kernels = [
        event("gemm", DeviceType.CUDA, cpu=0, gpu=1e6),
        event("gemm", DeviceType.CUDA, cpu=0, gpu=2e6),
        event("Memcpy HtoD", DeviceType.CUDA, cpu=0, gpu=4e6),
    ]
    times = times_of([attention, operator, shadow, *kernels], on_device=True, has_parts=True)
    assert times.kernels == {"Memcpy HtoD": 4, "gemm": 3}
    assert times.num_kernels == 2
    assert times.operators == {"aten::mm": 3}
    assert times.parts["qkv"] == (3, 0)
    without = times_of([attention, operator, *kernels], on_device=True, has_parts=False)
    assert without.parts == {}
