from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.material import CLIP, MICRO
from videoswin import weights
from videoswin.ablate.measure import measure_costs
from videoswin.model import VideoSwin
from videoswin.model.cost import cost
from videoswin.values import Size3


@pytest.mark.parametrize("sampling", ["dense", "uniform"])
def test_costs_are_the_papers_counts_and_a_measured_time(tmp_path: Path, sampling: str) -> None:
    path = tmp_path / "micro.safetensors"
    torch.manual_seed(0)
    weights.save(path, VideoSwin(MICRO), labels=(), clip=replace(CLIP, sampling=sampling))
    first, second = measure_costs([path, path])
    parts = cost(MICRO, Size3(CLIP.num_frames, CLIP.size, CLIP.size))
    assert first.parameters == sum(part.parameters for part in parts)
    assert first.multiply_adds == sum(part.multiply_adds for part in parts)
    assert 0 < first.seconds < 60
    assert second.multiply_adds == first.multiply_adds
