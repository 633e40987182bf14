"""Graphs are counted by a backend that compiles them without generating code. Attention is `reference`: as
with the operators for CUDA, a graph of it holds for any number of clips."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.compiling import compile_blocks

MICRO = SwinConfig(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)
DEEP = SwinConfig(embed_dim=8, depths=(5, 6), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)


def clips(num_clips: int) -> torch.Tensor:
    shape = (num_clips, 3, 4, 32, 32)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def build(config: SwinConfig, **options: Any) -> VideoSwin:
    torch.manual_seed(0)
    return VideoSwin(config, attention_backend="reference", **options)


def count_graphs(model: VideoSwin, batches: tuple[int, ...], *, train: bool) -> list[int]:
    """So far, after each batch."""
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    assert compile_blocks(model, backend=counter) == sum(model.config.depths)
    model.train(train)
    counts = []
    for num_clips in batches:
        with torch.set_grad_enabled(train):
            logits = model(clips(num_clips))
        if train:
            logits.square().sum().backward()
        counts.append(counter.frame_count)
    return counts


@pytest.mark.parametrize("train", [False, True])
def test_two_graphs_a_stage_for_any_depth_and_number_of_clips(train: bool) -> None:
    model = build(DEEP, drop_path_rate=0.3)
    assert count_graphs(model, (4, 3, 5), train=train) == [4, 4, 4]


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
def test_eight_graphs_for_four_stages(train: bool) -> None:
    config = SwinConfig(
        embed_dim=8, depths=(6, 6, 6, 6), num_heads=(1, 2, 4, 8), window=(2, 2, 2), num_classes=5
    )
    assert count_graphs(build(config, drop_path_rate=0.3), (2, 3), train=train) == [8, 8]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"recompute_stages": 2, "recompute": "light"},
        {"recompute_stages": 2, "recompute": "mlp"},
        {"recompute_stages": 2, "recompute": "blocks"},
        {"skip_dropped": True},
    ],
    ids=str,
)
def test_a_compiled_model_learns_as_a_plain_one_and_drops_the_same(options: dict[str, Any]) -> None:
    gradients = []
    for is_compiled in (False, True):
        model = build(MICRO, drop_path_rate=0.5, **options)
        if is_compiled:
            compile_blocks(model, backend="aot_eager")
        torch.manual_seed(1)
        model(clips(4)).square().sum().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=1e-6)


def test_names_stay_and_a_copy_has_weights_of_its_own() -> None:
    model = build(MICRO)
    names = list(model.state_dict())
    compile_blocks(model, backend="aot_eager")
    assert list(model.state_dict()) == names
    other = copy.deepcopy(model).eval()
    before = other(clips(1))
    with torch.no_grad():
        for parameter in model.layers.parameters():
            parameter.zero_()
    assert torch.equal(other(clips(1)), before)
    assert not torch.allclose(model.eval()(clips(1)), before)


@pytest.mark.slow
def test_blocks_compiled_to_code_learn_the_same() -> None:
    """With the backend of a CPU and the compiler that runs use."""
    models = []
    for is_compiled in (False, True):
        torch.manual_seed(0)
        model = VideoSwin(MICRO)
        if is_compiled:
            compile_blocks(model)
        model(clips(2)).square().sum().backward()
        models.append(model)
    plain, compiled = (dict(model.named_parameters()) for model in models)
    for name, parameter in plain.items():
        torch.testing.assert_close(compiled[name].grad, parameter.grad, rtol=1e-4, atol=1e-5)
