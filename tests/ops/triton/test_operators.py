"""What PyTorch does with operators works with the kernels: shapes without running, compile, autocast,
checkpoints."""

from __future__ import annotations

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from tests.ops.triton.problems import DEVICE, Problem
from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.compiling import compile_blocks
from videoswin.ops import triton
from videoswin.ops.triton.operators import triton_attention

PROBLEM = Problem(grid=(2, 3, 3), window=(2, 2, 3), shift=(0, 1, 0))


class Attended(torch.nn.Module):
    """A block's attention on the kernels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.qkv = torch.nn.Linear(16, 48)
        self.table = torch.nn.Parameter(torch.randn(3 * 3 * 5, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, 1, 16))
        return triton.window_attention(qkv, self.table, self.qkv.bias.view(3, 1, 16), **PROBLEM.sizes())


def tokens() -> torch.Tensor:
    return torch.randn(1, 2, 3, 3, 16, generator=torch.Generator().manual_seed(2)).to(DEVICE)


def gradients(model: torch.nn.Module, out: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(out.float().square().sum(), list(model.parameters())))


def model_on(backend: str) -> VideoSwin:
    """Grids that are padded, clamped and shifted."""
    config = SwinConfig(
        embed_dim=16, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3, patch=(2, 4, 4)
    )
    torch.manual_seed(0)
    return VideoSwin(config, attention_backend=backend).to(DEVICE)


def clip() -> torch.Tensor:
    return torch.randn(1, 3, 6, 20, 28, generator=torch.Generator().manual_seed(3)).to(DEVICE)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_whole_model_computes_and_learns_as_the_reference(is_compiled):
    ours, reference = model_on("triton"), model_on("reference")
    torch._dynamo.reset()
    if is_compiled:
        compile_blocks(ours, backend="aot_eager")
    logits, expected = ours(clip()), reference(clip())
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(gradients(ours, logits), gradients(reference, expected), strict=True):
        assert (mine - theirs).norm() <= 2e-5 * theirs.norm() + 1e-8


def test_an_exported_model_holds_one_node_a_block():
    model = model_on("triton").eval()
    exported = torch.export.export(model, (clip(),))
    nodes = [node for node in exported.graph.nodes if "triton_attention" in str(node.target)]
    assert len(nodes) == 4
    torch.testing.assert_close(exported.module()(clip()), model(clip()))


def test_opcheck():
    qkv, table, pad = PROBLEM.inputs()
    torch.library.opcheck(triton_attention, (qkv, table, pad, PROBLEM.window, PROBLEM.shift, False))


def test_compiled_in_one_graph_with_one_node():
    graphs = []

    def keep(graph, _):
        graphs.append(graph)
        return graph

    model = Attended().to(DEVICE)
    expected = gradients(model, model(tokens()))
    compiled = torch.compile(model, backend=keep, fullgraph=True)
    compiled(tokens())
    called = [node for node in graphs[0].graph.nodes if "triton_attention" in str(node.target)]
    assert len(graphs) == len(called) == 1
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for ours, theirs in zip(gradients(model, compiled(tokens())), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_autocast_keeps_the_gradients_of_parameters_in_float32():
    model = Attended().to(DEVICE)
    expected = gradients(model, model(tokens()))
    with torch.autocast(DEVICE.type, torch.bfloat16):
        out = model(tokens())
    ours = gradients(model, out)
    assert out.dtype == torch.bfloat16
    for mine, theirs in zip(ours, expected, strict=True):
        assert mine.dtype == torch.float32
        assert (mine - theirs).norm() / theirs.norm() < 2e-2


def test_checkpointed_gradients_are_the_same_bits():
    model = Attended().to(DEVICE)
    plain = gradients(model, model(tokens()))
    again = gradients(model, checkpoint(model, tokens(), use_reentrant=False))
    assert all(torch.equal(a, b) for a, b in zip(again, plain, strict=True))


def test_inputs_that_need_no_gradient():
    """A frozen table costs no gradient kernel and gets none."""
    qkv, table, pad = PROBLEM.inputs()
    out = triton.window_attention(qkv, table.detach(), pad.detach(), **PROBLEM.sizes())
    assert out.requires_grad
    (grad,) = torch.autograd.grad(out.sum(), [qkv])
    assert grad.shape == qkv.shape
    with torch.inference_mode():
        again = triton.window_attention(qkv, table, pad, **PROBLEM.sizes())
    assert torch.equal(out, again)
