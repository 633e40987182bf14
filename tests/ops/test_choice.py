"""The backend that is asked for, else the one that suits the device; said once where it is second choice."""

from __future__ import annotations

import logging

import pytest
import torch
from torch._subclasses import FakeTensorMode

from videoswin.errors import ConfigError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.ops import BACKENDS, choice, requested_backend, select_backend, window_attention
from videoswin.values import Size3

MICRO = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)


@pytest.fixture(autouse=True)
def nothing_is_asked_for(monkeypatch):
    monkeypatch.delenv("VIDEOSWIN_ATTENTION", raising=False)


def test_argument_comes_before_variable(monkeypatch):
    assert requested_backend() is None
    assert select_backend() == "boxes"
    monkeypatch.setenv("VIDEOSWIN_ATTENTION", "reference")
    assert requested_backend() == select_backend() == "reference"
    assert requested_backend("boxes") == select_backend("boxes", device="cuda") == "boxes"


@pytest.mark.parametrize(
    "ask", [requested_backend, select_backend, lambda name: VideoSwin(MICRO, attention_backend=name)]
)
def test_unknown_names_are_refused(ask, monkeypatch):
    with pytest.raises(ConfigError, match="attention_backend is 'fast'; allowed: reference, boxes, sdpa"):
        ask("fast")
    monkeypatch.setenv("VIDEOSWIN_ATTENTION", "quick")
    with pytest.raises(ConfigError, match="VIDEOSWIN_ATTENTION is 'quick'"):
        ask(None)


@pytest.mark.parametrize("device", ["cpu", "mps", "meta", "xpu"])
def test_boxes_wherever_there_is_no_cuda(device):
    assert select_backend(device=device) == "boxes"


def test_cuda_without_kernels_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(choice, "_why_not_triton", lambda device, dtype, head_width: f"width {head_width}")
    choice._say_once.cache_clear()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert select_backend(device="cuda", dtype=torch.bfloat16, head_width=20) == "sdpa"
    assert [record.getMessage() for record in caplog.records] == [
        "attention backend sdpa, not triton: width 20"
    ]


def test_kernels_that_are_asked_for_and_do_not_run_are_refused():
    message = (
        "attention_backend is 'triton', which cannot be used: .*multiple of 16 up to 256 channels, not 8"
    )
    with pytest.raises(ConfigError, match=message):
        VideoSwin(MICRO, attention_backend="triton")(torch.randn(1, 3, 4, 24, 24))


def test_cuda_with_kernels(monkeypatch, caplog):
    monkeypatch.setattr(choice, "_why_not_triton", lambda device, dtype, head_width: None)
    with caplog.at_level(logging.INFO):
        assert select_backend(device="cuda") == "triton"
    assert not caplog.records


def test_a_model_chooses_at_the_call():
    """Made on a CPU and moved: what was right for the CPU would be wrong on CUDA."""
    model = VideoSwin(MICRO)
    assert {module.backend for module in model.modules() if hasattr(module, "backend")} == {None}
    assert {
        m.backend for m in VideoSwin(MICRO, attention_backend="sdpa").modules() if hasattr(m, "backend")
    } == {"sdpa"}


def test_a_call_passes_its_device_type_and_width(monkeypatch):
    asked = []

    def why(device: torch.device, dtype: torch.dtype, head_width: int) -> str:
        asked.append((device.type, dtype, head_width))
        return "asked"

    monkeypatch.setattr(choice, "_why_not_triton", why)
    with FakeTensorMode():
        qkv = torch.empty(1, 4, 6, 6, 3, 2, 24, dtype=torch.float16, device="cuda")
        window_attention(qkv, None, window=Size3(2, 3, 3))
    assert asked == [("cuda", torch.float16, 24)]


def test_every_name_is_a_function():
    assert list(BACKENDS)[:4] == ["reference", "boxes", "sdpa", "sdpa-boxes"]
    assert all(callable(run) for run in BACKENDS.values())
