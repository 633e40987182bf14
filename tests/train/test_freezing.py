from __future__ import annotations

import pytest
import torch

from tests.train.material import MICRO
from videoswin.errors import ConfigError
from videoswin.model import VideoSwin
from videoswin.train.freezing import freeze_stages


@pytest.mark.parametrize(("num_stages", "frozen"), [(0, ()), (1, ("patch_embed.", "layers.0."))])
def test_the_first_stages_get_no_gradient(num_stages: int, frozen: tuple[str, ...]) -> None:
    model = VideoSwin(MICRO)
    freeze_stages(model, num_stages)
    model(torch.zeros(1, 3, 4, 32, 32, dtype=torch.uint8)).sum().backward()
    still = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert still == {name for name, _ in model.named_parameters() if name.startswith(frozen or "none")}


def test_frozen_stages_drop_nothing() -> None:
    model = VideoSwin(MICRO, drop_path_rate=0.9)
    freeze_stages(model, 2)
    assert model.training
    assert not any(stage.training for stage in model.layers)
    clips = torch.randint(0, 256, (4, 3, 4, 32, 32), dtype=torch.uint8)
    assert torch.equal(model(clips), model(clips))


def test_more_stages_than_there_are() -> None:
    with pytest.raises(ConfigError, match="freeze_stages is 3, allowed: 0 to 2"):
        freeze_stages(VideoSwin(MICRO), 3)
