from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.train.material import MICRO
from videoswin.model import VideoSwin
from videoswin.train.compiling import compile_blocks

ONE_BLOCK = replace(MICRO, depths=(1,), num_heads=(1,))


def test_every_block_is_compiled_at_its_first_call_and_keeps_its_name() -> None:
    model = VideoSwin(MICRO)
    names = list(model.state_dict())
    compile_blocks(model)
    assert list(model.state_dict()) == names
    compiled = {name for name, part in model.named_modules() if part._compiled_call_impl is not None}
    assert compiled == {"layers.0.blocks.0", "layers.1.blocks.0"}


@pytest.mark.slow
def test_compiled_blocks_learn_the_same_under_the_same_names() -> None:
    clips = torch.randint(0, 256, (2, 3, 4, 32, 32), dtype=torch.uint8)
    models = []
    for is_compiled in (False, True):
        torch.manual_seed(0)
        model = VideoSwin(ONE_BLOCK)
        if is_compiled:
            compile_blocks(model)
        model(clips).square().sum().backward()
        models.append(model)
    plain, compiled = (dict(model.named_parameters()) for model in models)
    assert plain.keys() == compiled.keys() == models[1].state_dict().keys()
    for name, parameter in plain.items():
        torch.testing.assert_close(compiled[name].grad, parameter.grad, rtol=1e-4, atol=1e-5)
