"""The dtype of the sum that runs through the blocks, under autocast and without."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videoswin.errors import ConfigError
from videoswin.model import SwinConfig, VideoSwin

MICRO = SwinConfig(embed_dim=16, depths=(2, 2, 2), num_heads=(1, 2, 4), window=(2, 3, 3), num_classes=5)


def clips() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 4, 36, 36), dtype=torch.uint8, generator=generator)


def sums(model: VideoSwin) -> set[torch.dtype]:
    """Dtypes of what enters and leaves the blocks, while `model` sees a batch."""
    seen: set[torch.dtype] = set()
    hooks = [
        block.register_forward_hook(lambda _, inputs, out: seen.update((inputs[0].dtype, out.dtype)))
        for stage in model.stages()
        for block in stage.blocks
    ]
    model(clips())
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(("residual", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_under_autocast_it_is_what_was_chosen_in_all_stages(residual, dtype, train):
    model = VideoSwin(MICRO, residual=residual, drop_path_rate=0.5).train(train)
    with torch.autocast("cpu", torch.bfloat16):
        assert sums(model) == {dtype}


@pytest.mark.parametrize("residual", ["fp32", "bf16"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_without_autocast_it_is_the_dtype_of_the_weights(residual, dtype):
    assert sums(VideoSwin(MICRO, residual=residual).to(dtype).eval()) == {dtype}


def test_float32_is_nearer_to_float64():
    errors = {}
    for residual in ("fp32", "bf16"):
        torch.manual_seed(0)
        model = VideoSwin(MICRO, residual=residual).eval()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found = model.features(clips())[-1].double()
        with torch.no_grad():
            exact = model.double().features(clips())[-1]
        errors[residual] = ((found - exact).norm() / exact.norm()).item()
    assert errors["fp32"] < errors["bf16"] < 0.1


def test_wrong_options_are_named():
    with pytest.raises(ConfigError, match="residual is 'fp16'; allowed: fp32, bf16"):
        VideoSwin(MICRO, residual="fp16")
    with pytest.raises(ConfigError, match="recompute is 'all'; allowed: light, mlp, blocks"):
        VideoSwin(MICRO, recompute="all")
