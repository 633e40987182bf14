"""Backend `sdpa` as an operator: precision, autocast, checkpoints, fake tensors and compilers.

That it computes what the oracle does at any shape is in test_attention.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import AotEagerAndRecordGraphs
from torch._subclasses import FakeTensorMode
from torch.utils.checkpoint import checkpoint

from tests.ops.test_sdpa_hazards import DEVICES, FORMS, inputs, train
from videoswin.model import SwinConfig, VideoSwin
from videoswin.ops import sdpa, window_attention
from videoswin.values import Size3

MICRO = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)
SHAPES = [
    ((8, 14, 14), (8, 7, 7), (4, 3, 3)),  # time clamped: no shift there
    ((10, 13, 9), (4, 7, 7), (2, 3, 3)),  # padded on every axis
    ((3, 14, 7), (1, 7, 7), (0, 3, 3)),  # spatial only
    ((8, 3, 2), (4, 1, 1), (2, 0, 0)),  # temporal only
]


def errors(found: list[Tensor], exact: list[Tensor]) -> list[float]:
    """||found - exact|| / ||exact|| of each."""
    return [
        float((mine.double().cpu() - theirs).norm() / theirs.norm())
        for mine, theirs in zip(found, exact, strict=True)
        if theirs.norm() > 0
    ]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backend", FORMS)
@pytest.mark.parametrize(("grid", "window", "shift"), SHAPES)
def test_full_precision_is_that_of_the_oracle(grid, window, shift, backend, device):
    """Output and the gradients of qkv, table and padding."""
    tensors = inputs(grid, window, width=32)
    exact = train("reference", [x.double() for x in tensors], window, shift)
    for dtype, limit in ((torch.float64, 1e-12), (torch.float32, 2e-6)):
        found = train(backend, [x.to(device, dtype) for x in tensors], window, shift)
        assert max(errors(found, exact)) < limit


@pytest.mark.parametrize(
    ("device", "dtype"),
    [
        ("cpu", torch.bfloat16),  # float16 products take minutes on a CPU
        pytest.param("cuda", torch.bfloat16, marks=pytest.mark.gpu),
        pytest.param("cuda", torch.float16, marks=pytest.mark.gpu),
    ],
)
@pytest.mark.parametrize("backend", FORMS)
@pytest.mark.parametrize(("grid", "window", "shift"), SHAPES)
def test_half_precision_is_closer_than_eager(grid, window, shift, backend, dtype, device):
    """The error against float64, at most 1.2 times that of the oracle in the same precision."""
    tensors = inputs(grid, window, width=32)
    half = [tensors[0].to(device, dtype), *(x.to(device) for x in tensors[1:])]
    exact = train("reference", [half[0].double().cpu(), *(x.double() for x in tensors[1:])], window, shift)
    eager = errors(train("reference", half, window, shift), exact)
    for mine, theirs in zip(errors(train(backend, half, window, shift), exact), eager, strict=True):
        assert mine <= 1.2 * theirs


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backend", FORMS)
def test_large_logits_and_equal_logits(backend, device):
    """Where the mask of -100 leaks, as in the official model, and boxes do not; where all weights are
    equal."""
    oracle = {"sdpa": "reference", "sdpa-boxes": "boxes"}[backend]
    window, shift = (2, 3, 3), (1, 1, 1)
    for scale in (50.0, 0.0):
        tensors = inputs((4, 7, 6), window)
        tensors[0][..., :2, :, :] *= scale
        exact = train(oracle, [x.double() for x in tensors], window, shift)
        found = train(backend, [x.to(device) for x in tensors], window, shift)
        assert max(errors(found[:1], exact[:1])) < 1e-3
        assert all(x.isfinite().all() for x in found)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backend", FORMS)
def test_two_half_precision_steps_are_bit_equal(backend, device):
    tensors = [x.to(device) for x in inputs((8, 14, 13), (4, 7, 7), width=32)]
    tensors[0] = tensors[0].bfloat16()
    first, second = (train(backend, tensors, (4, 7, 7), (2, 3, 3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("backend", FORMS)
def test_clips_some_at_a_time_are_the_same(backend, monkeypatch):
    tensors = [x.double() for x in inputs((4, 7, 6), (2, 3, 3), batch=5)]
    whole = train(backend, tensors, (2, 3, 3), (1, 1, 1))
    monkeypatch.setattr(sdpa, "TOKENS_AT_ONCE", 2 * 4 * 9 * 6)
    parts = train(backend, tensors, (2, 3, 3), (1, 1, 1))
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("form", ["classes", "boxes"])
def test_operator_is_registered_soundly(form, has_table):
    """Schema, fake kernel, autograd and tracing with changing sizes, as torch checks them."""
    qkv, table, pad = (x.requires_grad_() for x in inputs((3, 5, 4), (2, 3, 3), width=4))
    arguments = (qkv, table if has_table else None, pad, [2, 3, 3], [1, 1, 1], False, form)
    torch.library.opcheck(sdpa.sdpa_attention, arguments)
    with torch.no_grad():
        grad_out = torch.randn(2, 3, 5, 4, 8)
        torch.library.opcheck(sdpa.sdpa_attention_backward, (grad_out, *arguments))


def test_fake_tensors_have_the_shape_and_dtype_of_the_output():
    with FakeTensorMode():
        qkv = torch.empty(2, 4, 6, 6, 3, 2, 8, dtype=torch.bfloat16, device="cuda")
        table = torch.empty(75, 2, device="cuda")
        out = window_attention(qkv, table, window=Size3(2, 3, 3), shift=Size3(1, 1, 1), backend="sdpa")
    assert (tuple(out.shape), out.dtype, out.device.type) == ((2, 4, 6, 6, 16), torch.bfloat16, "cuda")


@pytest.mark.parametrize("backend", FORMS)
def test_a_compiled_block_holds_one_node_of_attention(backend):
    model = VideoSwin(MICRO, attention_backend=backend)
    block = model.layers[0].blocks[1]
    x = torch.randn(2, 4, 6, 6, 8, requires_grad=True)
    graphs = AotEagerAndRecordGraphs()
    compiled = torch.compile(block, backend=graphs, fullgraph=True)
    out = compiled(x)
    (gradient,) = torch.autograd.grad(out.square().sum(), x)
    for made, name in (
        (graphs.fw_graphs, "videoswin.sdpa_attention.default"),
        (graphs.bw_graphs, "videoswin.sdpa_attention_backward.default"),
    ):
        nodes = [str(node.target) for graph in made for node in graph.graph.nodes]
        assert [node for node in nodes if "videoswin" in node or "scaled_dot_product" in node] == [name]
    expected = block(x)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.square().sum(), x)[0])


def test_a_block_that_chooses_its_backend_compiles_whole():
    block = VideoSwin(MICRO).layers[0].blocks[1]
    x = torch.randn(2, 4, 6, 6, 8)
    with torch.no_grad():
        compiled = torch.compile(block, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(x), block(x))


@pytest.mark.parametrize("device", DEVICES)
def test_autocast_keeps_gradients_of_parameters_in_float32(device):
    model = VideoSwin(MICRO, attention_backend="sdpa").to(device)
    clips = torch.zeros(2, 3, 5, 22, 26, dtype=torch.uint8, device=device)  # padded windows
    with torch.autocast(device, torch.bfloat16):
        logits = model(clips)
    logits.float().square().sum().backward()
    attention = model.layers[0].blocks[1].attn
    for parameter in (attention.relative_position_bias_table, attention.qkv.bias, attention.qkv.weight):
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize("backend", FORMS)
def test_checkpointed_attention_has_the_same_gradients(backend):
    tensors = [x.requires_grad_() for x in inputs((4, 7, 6), (2, 3, 3))]

    def attend(qkv: Tensor, table: Tensor, pad: Tensor) -> Tensor:
        return window_attention(qkv, table, pad_qkv=pad, window=Size3(2, 3, 3), backend=backend)

    plain = torch.autograd.grad(attend(*tensors).square().sum(), tensors)
    again = checkpoint(attend, *tensors, use_reentrant=False)
    for mine, theirs in zip(torch.autograd.grad(again.square().sum(), tensors), plain, strict=True):
        assert torch.equal(mine, theirs)


def test_only_inputs_are_kept_for_the_backward():
    kept: list[int] = []
    qkv, table, pad = (x.requires_grad_() for x in inputs((4, 7, 6), (2, 3, 3)))

    def note(x: Tensor) -> Tensor:
        kept.append(x.data_ptr())
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        window_attention(qkv, table, pad_qkv=pad, window=Size3(2, 3, 3), shift=Size3(1, 1, 1), backend="sdpa")
    assert set(kept) == {qkv.data_ptr(), table.data_ptr(), pad.data_ptr()}
