"""Every backend computes what `reference` computes: at any size, window, shift and padding, forward and
backward."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videoswin.ops import window_attention
from videoswin.values import Size3

FAST = ["boxes", "sdpa", "sdpa-boxes"]
EVERYWHERE = ["reference", *FAST]  # the backends that compute on any device


def inputs(grid: tuple[int, ...], window: tuple[int, ...], *, batch: int = 1, heads: int = 2, width: int = 4):
    """Random qkv, bias table and pad_qkv in float64, requiring gradients."""
    p, m, n = window
    generator = torch.Generator().manual_seed(0)
    shapes = [
        (batch, *grid, 3, heads, width),
        ((2 * p - 1) * (2 * m - 1) * (2 * n - 1), heads),
        (3, heads, width),
    ]
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]


def run(backend: str, tensors: list[torch.Tensor], **arguments):
    """The output and the gradients of a random projection of it."""
    qkv, table, pad = tensors
    out = window_attention(qkv, table, pad_qkv=pad, backend=backend, **arguments)
    projection = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    return [out.detach(), *torch.autograd.grad((out * projection).sum(), tensors, materialize_grads=True)]


def assert_backends_agree(tensors: list[torch.Tensor], **arguments) -> None:
    expected = run("reference", tensors, **arguments)
    for backend in FAST:
        ours = run(backend, tensors, **arguments)
        for name, mine, theirs in zip(("out", "qkv", "table", "pad"), ours, expected, strict=True):
            torch.testing.assert_close(
                mine, theirs, rtol=1e-10, atol=1e-11, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("grid", "window", "shift"),
    [
        ((4, 6, 6), (2, 3, 3), (0, 0, 0)),  # regular
        ((4, 6, 6), (2, 3, 3), (1, 1, 1)),  # shifted on all axes
        ((4, 6, 6), (2, 3, 3), (0, 1, 1)),  # spatial shift only (Table 6)
        ((3, 7, 8), (2, 3, 3), (1, 1, 1)),  # padded on every axis
        ((2, 6, 6), (4, 3, 3), (2, 1, 1)),  # window clamped in time: no shift there
        ((4, 3, 3), (2, 3, 3), (1, 1, 1)),  # the official stage 4: shift in time only
        ((4, 2, 2), (2, 3, 3), (1, 1, 1)),  # clamped in space, where the official index differs
        ((5, 2, 7), (4, 3, 3), (2, 1, 1)),  # clamped on one axis, padded on the others
        ((6, 5, 4), (1, 3, 3), (0, 1, 1)),  # spatial only
        ((6, 3, 2), (4, 1, 1), (2, 0, 0)),  # temporal only
    ],
)
def test_backends_agree_forward_and_backward(grid, window, shift, legacy):
    assert_backends_agree(inputs(grid, window, batch=2), window=window, shift=shift, legacy_bias_index=legacy)


axes = st.tuples(*(st.tuples(st.integers(1, 9), st.integers(1, 4)) for _ in range(3)))


@settings(max_examples=60, deadline=None)
@given(axes=axes, data=st.data(), heads=st.integers(1, 3), legacy=st.booleans())
def test_backends_agree_on_random_shapes(axes, data, heads, legacy):
    grid, window = zip(*axes, strict=True)
    shift = tuple(data.draw(st.integers(0, size - 1)) for size in window)
    tensors = inputs(grid, window, heads=heads)
    assert_backends_agree(tensors, window=window, shift=shift, legacy_bias_index=legacy)


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_one_window_is_plain_attention(backend):
    qkv, _, _ = inputs((2, 3, 3), (2, 3, 3))
    q, k, v = qkv.detach().flatten(1, 3).permute(2, 0, 3, 1, 4)
    expected = ((q @ k.transpose(-2, -1) / 2).softmax(-1) @ v).transpose(1, 2).reshape(1, 2, 3, 3, 8)
    out = window_attention(qkv.detach(), None, window=Size3(2, 3, 3), backend=backend)
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_padded_tokens_are_keys_made_of_the_projection_bias(backend):
    """A grid of one real token in a window of two: attention over itself and the pad token, written out."""
    qkv = (
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
        .view(1, 1, 1, 1, 3, 1, 1)
        .expand(1, 3, 1, 1, 3, 1, 1)
    )
    pad = torch.tensor([5.0, 0.5, 7.0], dtype=torch.float64).view(3, 1, 1)
    out = window_attention(qkv, None, window=Size3(2, 1, 1), pad_qkv=pad, backend=backend)
    weights = torch.tensor([1 * 2.0, 1 * 0.5], dtype=torch.float64).softmax(0)
    expected = weights[0] * 3 + weights[1] * 7
    torch.testing.assert_close(out.flatten(), torch.stack([torch.tensor(3.0).double()] * 2 + [expected]))


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_tokens_of_different_regions_do_not_meet(backend):
    """With the shift, the first and the last token of an axis share a rolled window but must not attend to
    each other."""
    qkv, table, pad = inputs((4, 4, 4), (2, 2, 2))
    out = window_attention(
        qkv, table, window=Size3(2, 2, 2), shift=Size3(1, 1, 1), pad_qkv=pad, backend=backend
    )
    (gradient,) = torch.autograd.grad(out[0, 0, 0, 0].sum(), qkv)
    reached = gradient.abs().sum((-3, -2, -1))[0] > 1e-30
    assert reached.nonzero().tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("backend", FAST)
def test_gradients_by_finite_differences(backend):
    tensors = inputs((3, 3, 2), (2, 2, 2), heads=1, width=2)

    def attention(qkv, table, pad):
        return window_attention(
            qkv, table, window=Size3(2, 2, 2), shift=Size3(1, 1, 0), pad_qkv=pad, backend=backend
        )

    assert torch.autograd.gradcheck(attention, tensors)


@pytest.mark.parametrize("scores", [1, 18**2, 3 * 2 * 18**2])
@pytest.mark.parametrize("backend", FAST)
def test_backward_in_parts_equals_backward_at_once(backend, scores, monkeypatch):
    """One head at a time, one box, and three boxes of which the last group has fewer."""
    from videoswin.ops import attention_backward

    tensors = inputs((4, 6, 6), (2, 3, 3))
    whole = run(backend, tensors, window=(2, 3, 3), shift=(1, 1, 1))
    monkeypatch.setattr(attention_backward, "SCORES_AT_ONCE", scores)
    parts = run(backend, tensors, window=(2, 3, 3), shift=(1, 1, 1))
    for ours, theirs in zip(parts, whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", FAST)
def test_two_backward_runs_are_bit_equal(backend):
    first, second = (
        run(backend, inputs((4, 7, 7), (2, 3, 3)), window=(2, 3, 3), shift=(1, 1, 1)) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_low_precision_stays_near_the_float64_reference(dtype):
    tensors = [x.detach() for x in inputs((4, 7, 7), (2, 3, 3), width=32)]
    arguments = {"window": Size3(2, 3, 3), "shift": Size3(1, 1, 1)}
    expected = window_attention(*tensors[:2], pad_qkv=tensors[2], backend="reference", **arguments)
    qkv, table, pad = (x.to(dtype) for x in tensors)
    out = window_attention(qkv, table, pad_qkv=pad, backend="boxes", **arguments)
    error = (out.double() - expected).norm() / expected.norm()
    assert out.dtype == dtype
    assert error < {torch.float32: 2e-6, torch.bfloat16: 6e-3, torch.float16: 1e-3}[dtype]


def test_strided_input_is_read_correctly():
    qkv, table, pad = inputs((4, 6, 6), (2, 3, 3))
    strided = qkv.detach().flip(1).transpose(2, 3).contiguous().transpose(2, 3).flip(1)
    arguments = {"window": Size3(2, 3, 3), "shift": Size3(1, 1, 1), "pad_qkv": pad}
    assert torch.equal(
        window_attention(strided, table, **arguments), window_attention(qkv, table, **arguments)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qkv": torch.zeros(1, 2, 3, 3, 2, 1, 4)}, r"qkv has shape .* expected \(B, t, h, w, 3, heads, d\)"),
        ({"shift": Size3(2, 0, 0)}, r"shift \(2, 0, 0\) does not fit the window \(2, 3, 3\)"),
        ({"bias_table": torch.zeros(74, 1)}, r"bias_table has shape \(74, 1\); .* need \(75, 1\)"),
    ],
)
def test_wrong_shapes_are_named(change, message):
    arguments = {
        "qkv": torch.zeros(1, 2, 3, 3, 3, 1, 4),
        "bias_table": torch.zeros(75, 1),
        "window": Size3(2, 3, 3),
    }
    with pytest.raises(ValueError, match=message):
        window_attention(**(arguments | change))
