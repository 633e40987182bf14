"""What is wrong or slow in torch's fused attention never reaches us: each trap by the call that torch really
gets, or by the shapes of its report."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend

from tests.ops.recorder import Recorder
from videoswin.ops import attention_backward, sdpa_call, window_attention
from videoswin.values import Size3

FORMS = ["sdpa", "sdpa-boxes"]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def inputs(
    grid: tuple[int, int, int],
    window: tuple[int, int, int],
    *,
    batch: int = 2,
    heads: int = 2,
    width: int = 8,
) -> list[Tensor]:
    p, m, n = window
    generator = torch.Generator().manual_seed(0)
    shapes = [
        (batch, *grid, 3, heads, width),
        ((2 * p - 1) * (2 * m - 1) * (2 * n - 1), heads),
        (3, heads, width),
    ]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def train(backend: str, tensors: list[Tensor], window: tuple[int, int, int], shift: tuple[int, int, int]):
    """The output and all gradients."""
    qkv, table, pad = (x.detach().requires_grad_() for x in tensors)
    out = window_attention(
        qkv, table, pad_qkv=pad, window=Size3(*window), shift=Size3(*shift), backend=backend
    )
    projection = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out)
    return [out.detach(), *torch.autograd.grad(out, (qkv, table, pad), projection, materialize_grads=True)]


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("backend", FORMS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_masks_have_the_dtype_of_q_and_aligned_rows(dtype, backend, has_table):
    """cuDNN reads a float32 mask as if it were bfloat16 (pytorch#191612); a mask whose rows are not aligned
    is copied at every call; a q of five dimensions takes the path that keeps all scores."""
    qkv, table, pad = inputs((4, 7, 6), (2, 3, 3))
    arguments = {"window": Size3(2, 3, 3), "shift": Size3(1, 1, 1), "pad_qkv": pad}
    with Recorder() as record:
        window_attention(qkv.to(dtype), table if has_table else None, backend=backend, **arguments)
    masks = [call.mask for call in record.attentions if call.mask is not None]
    assert len(record.attentions) == {"sdpa": 8, "sdpa-boxes": 18}[backend]  # of one time window and shift
    assert bool(masks) == (has_table or backend == "sdpa")
    for call in record.attentions:
        assert {x.dtype for x in (call.q, call.k, call.v)} == {dtype}
        assert {x.ndim for x in (call.q, call.k, call.v)} == {4}
        assert {x.shape for x in (call.q, call.k, call.v)} == {call.q.shape}
    for call in (call for call in record.attentions if call.mask is not None):
        tokens = call.q.shape[2]
        assert call.mask.dtype == dtype
        assert call.mask.shape[-2:] == (tokens, tokens)
        assert call.mask.untyped_storage().nbytes() <= 2 * (tokens + 7) * tokens * dtype.itemsize
        assert call.mask.stride(-1) == 1
        assert all(stride % 8 == 0 for stride in call.mask.stride()[:-1])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backend", FORMS)
def test_nothing_of_a_training_step_grows_with_all_scores(backend, device, monkeypatch):
    """Torch's efficient kernel writes the bias gradient of every window; ours is summed some windows at a
    time."""
    for name in ("SCORES_AT_ONCE", "SCORES_AT_ONCE_ON_CUDA"):
        monkeypatch.setattr(attention_backward, name, 2**20)
    window, shift = (4, 4, 4), (2, 2, 2)
    tensors = [x.to(device) for x in inputs((8, 32, 32), window, batch=4)]
    scores = 4 * 8 * 32 * 32 * 64 * 2
    with Recorder() as record:
        train(backend, tensors, window, shift)
    assert record.largest <= tensors[0].numel() < scores / 2
    assert "videoswin::sdpa_attention_backward" in record.operators
    assert not [name for name in record.operators if "scaled_dot_product" in name and "backward" in name]
    assert not [
        name for name in record.operators if name.startswith(("aten::index_add", "aten::scatter_add"))
    ]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backend", FORMS)
@pytest.mark.parametrize("window", [(4, 4, 4), (4, 8, 6), (5, 8, 8)])
def test_lengths_and_logits_that_give_nan_in_cudnn(window, backend, device):
    """pytorch#196678: S % 128 == 64 and every log-sum-exp of a row below -88.7 give NaN in cuDNN's gradient
    of q."""
    assert Size3(*window).volume % 128 == 64
    qkv, table, pad = inputs(window, window, batch=1, heads=1, width=32)
    qkv = qkv * 0.1
    qkv[..., 0, :, 0], qkv[..., 1, :, 0] = 1.0, -120 * 32**0.5
    exact = train("reference", [x.double() for x in (qkv, table, pad)], window, (0, 0, 0))
    for dtype in (torch.float32, torch.bfloat16):
        tensors = [qkv.to(device, dtype), table.to(device), pad.to(device)]
        found = train(backend, tensors, window, (0, 0, 0))
        assert all(x.isfinite().all() for x in found)
        # -120 * sqrt(32) and bfloat16: 3 numbers in a thousand; the scores of a row share that error
        limit = 1e-4 if dtype == torch.float32 else 0.1
        for name, mine, theirs in zip(("out", "qkv", "table"), found, exact, strict=False):
            error = (mine.double().cpu() - theirs).norm() / theirs.norm()
            assert error < limit, f"{name} {dtype}: {error:.1e}"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backend", FORMS)
def test_float32_table_beside_half_precision(backend, device):
    """pytorch#191612 gave NaN or nonsense for a float32 mask and half q. Under autocast a table stays
    float32."""
    window, shift = (4, 4, 2), (2, 2, 1)  # S = 32, as in the report
    tensors = inputs((8, 8, 4), window, heads=4, width=16)
    exact = train("reference", [x.double() for x in tensors], window, shift)
    for dtype, limit in ((torch.float16, 2e-3), (torch.bfloat16, 1.5e-2)):
        found = train(
            backend, [tensors[0].to(device, dtype), *(x.to(device) for x in tensors[1:])], window, shift
        )
        assert [x.dtype for x in found] == [dtype, dtype, torch.float32, torch.float32]
        for mine, theirs in zip(found[:3], exact[:3], strict=True):
            assert (mine.double().cpu() - theirs).norm() / theirs.norm() < limit


@pytest.mark.parametrize("backend", FORMS)
def test_no_call_has_more_sequences_than_kernels_take(backend, monkeypatch):
    tensors = inputs((6, 9, 9), (2, 3, 3), batch=3)
    whole = train(backend, tensors, (2, 3, 3), (1, 1, 1))
    monkeypatch.setattr(sdpa_call, "SEQUENCES_AT_ONCE", 5)
    with Recorder() as record:
        parts = train(backend, tensors, (2, 3, 3), (1, 1, 1))
    assert max(len(call.q) for call in record.attentions) == 5
    torch.testing.assert_close(parts, whole)


def test_limit_of_sequences_is_that_of_a_cuda_grid():
    assert sdpa_call.SEQUENCES_AT_ONCE == 2**16 - 1


def test_kernels_are_never_left_to_torch(monkeypatch):
    monkeypatch.setattr(sdpa_call, "_capability", lambda device: 9)
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    efficient, cudnn = SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION
    assert sdpa_call.kernels(cuda, torch.bfloat16) == [cudnn, efficient]
    assert sdpa_call.kernels(cuda, torch.float16) == [cudnn, efficient]
    assert sdpa_call.kernels(cuda, torch.float32) == [efficient]
    assert sdpa_call.kernels(cuda, torch.float64) == [SDPBackend.MATH]
    monkeypatch.setattr(sdpa_call, "_capability", lambda device: 7)
    assert sdpa_call.kernels(cuda, torch.bfloat16) == [SDPBackend.MATH]
    assert sdpa_call.kernels(cuda, torch.float16) == [cudnn, efficient]
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        assert sdpa_call.kernels(cpu, dtype) == [SDPBackend.FLASH_ATTENTION]


@pytest.mark.parametrize("backend", FORMS)
def test_the_pinned_kernel_is_the_one_that_runs(backend):
    """With a table that needs a gradient torch itself would take the path that keeps all scores."""
    with Recorder() as record:
        train(backend, inputs((4, 7, 6), (2, 3, 3)), (2, 3, 3), (1, 1, 1))
    kernels = [name for name in record.operators if name.startswith("aten::_scaled_dot_product")]
    assert len(kernels) == len(record.attentions)
    assert set(kernels) == {"aten::_scaled_dot_product_flash_attention_for_cpu"}


@pytest.mark.gpu
@pytest.mark.parametrize("window", [(8, 7, 7), (4, 7, 7), (2, 7, 7)])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.bfloat16, {2, 3}), (torch.float32, {2})])
def test_torch_chooses_the_pinned_kernel_on_cuda(dtype, allowed, window):
    """0 math, 1 flash, 2 efficient, 3 cuDNN."""
    tokens = Size3(*window).volume
    q, k, v = (torch.randn(4, 3, tokens, 32, device="cuda", dtype=dtype) for _ in range(3))
    mask = sdpa_call.aligned(torch.randn(3, tokens, tokens, device="cuda"), None, dtype)
    with sdpa_call.pinned(q.device, dtype):
        assert torch._fused_sdp_choice(q, k, v, mask) in allowed


def test_aligned_mask_is_bias_plus_mask_without_a_copy_of_heads():
    bias, mask = torch.randn(3, 5, 5), torch.randn(5, 5)
    both = sdpa_call.aligned(bias, mask, torch.float32)
    assert both is not None
    assert torch.equal(both, (bias + mask)[None])
    assert both.stride() == (120, 40, 8, 1)
    alone = sdpa_call.aligned(None, mask, torch.float32)
    assert alone is not None
    assert alone.shape == (1, 1, 5, 5)
    assert sdpa_call.aligned(None, None, torch.float32) is None


@pytest.mark.gpu
def test_heads_of_odd_width_reach_a_fused_kernel():
    """Kernels of CUDA want a multiple of 8: zeros are added, the scale stays that of the real width."""
    q, k, v = (torch.randn(2, 3, 50, 20, device="cuda") for _ in range(3))
    with sdpa_call.pinned(q.device, q.dtype):
        out = sdpa_call.attention(q, k, v, None)
    expected = F.scaled_dot_product_attention(q.double(), k.double(), v.double()).transpose(1, 2).flatten(2)
    assert (out - expected).norm() / expected.norm() < 2e-6
