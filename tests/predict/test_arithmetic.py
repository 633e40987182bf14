"""What precision `auto` chooses, and that it computes what it says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from videoswin.model import SwinConfig, VideoSwin
from videoswin.predict import arithmetic
from videoswin.predict.arithmetic import Chosen, ready

CPU = torch.device("cpu")
MICRO = SwinConfig(embed_dim=16, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)
CLIPS = torch.randint(0, 256, (2, 3, 4, 24, 24), generator=torch.Generator().manual_seed(0)).byte()


def micro(backend: str | None) -> VideoSwin:
    torch.manual_seed(0)
    return VideoSwin(MICRO, attention_backend=backend)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever processor runs the tests."""
    monkeypatch.setattr(arithmetic, "computes_bf16_fast", lambda: True)


@pytest.mark.parametrize("backend", [None, "reference"])  # frozen, and as on a GPU under autocast
def test_auto_takes_bf16_where_it_agrees(backend: str | None, fast: None) -> None:
    chosen = Chosen(micro(backend), CPU)
    with torch.inference_mode():
        found = [chosen(CLIPS) for _ in range(2)]
        expected = ready(micro(backend), "bf16", CPU)(CLIPS)
    assert chosen.reason.startswith("precision bf16: classes of the first views agree, probabilities to 0.0")
    assert all(torch.equal(logits, expected) for logits in found)


@pytest.mark.parametrize("backend", [None, "reference"])
def test_auto_keeps_fp32_where_bf16_differs(
    backend: str | None, fast: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arithmetic, "LARGEST_DIFFERENCE", 0.0)
    chosen = Chosen(micro(backend), CPU)
    with torch.inference_mode():
        found = [chosen(CLIPS) for _ in range(2)]
        expected = ready(micro(backend), "fp32", CPU)(CLIPS)
    assert chosen.reason.startswith("precision fp32: in bf16 classes of the first views ")
    assert all(torch.equal(logits, expected) for logits in found)


def test_auto_says_why_it_does_not_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "computes_bf16_fast", lambda: False)
    assert Chosen(micro(None), CPU).reason == "precision fp32: cpu has no fast bfloat16 products"
    assert Chosen(nn.Flatten(), CPU).reason == "precision fp32: bf16 is chosen only for a Video Swin"
