"""A branch that keeps only its input computes what the plain layers compute, forward and backward."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videoswin.model import SwinConfig, VideoSwin, recomputed
from videoswin.model.memory import _Storages
from videoswin.model.options import Recompute, Residual
from videoswin.model.recomputed import norm_linear, norm_mlp

WIDTH = 6


def layers(dtype: torch.dtype = torch.float64) -> nn.ModuleDict:
    torch.manual_seed(0)
    modules = nn.ModuleDict(
        {"norm": nn.LayerNorm(WIDTH), "fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)}
    ).to(dtype)
    nn.init.normal_(modules["norm"].weight)
    nn.init.normal_(modules["norm"].bias)
    return modules


def tokens(dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 4, 5, WIDTH, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def ours(x: Tensor, modules: nn.ModuleDict, branch: str) -> Tensor:
    norm, fc1, fc2 = modules["norm"], modules["fc1"], modules["fc2"]
    return norm_linear(x, norm, fc1) if branch == "linear" else norm_mlp(x, norm, fc1, fc2)


def plain(x: Tensor, modules: nn.ModuleDict, branch: str) -> Tensor:
    hidden = modules["fc1"](modules["norm"](x))
    return hidden if branch == "linear" else modules["fc2"](F.gelu(hidden))


def with_gradients(out: Tensor, x: Tensor, modules: nn.ModuleDict) -> dict[str, Tensor]:
    projection = torch.randn(out.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (out.double() * projection).sum().backward()
    grads = {name: p.grad for name, p in modules.named_parameters() if p.grad is not None}
    return {"out": out.detach(), "x": x.grad} | grads


@pytest.mark.parametrize("at_once", [1, 24 * 7, 24 * 60, 2**20])
@pytest.mark.parametrize("branch", ["linear", "mlp", "mlp, kept"])
def test_equals_the_plain_layers_at_any_number_of_tokens_at_once(branch, at_once, monkeypatch):
    monkeypatch.setattr(recomputed, "ELEMENTS_AT_ONCE", at_once)
    branch, _, kept = branch.partition(", ")
    monkeypatch.setattr(recomputed, "KEPT_ELEMENTS", recomputed.KEPT_ELEMENTS if kept else 0)
    results = []
    for run in (ours, plain):
        x, modules = tokens(), layers()
        results.append(with_gradients(run(x, modules, branch), x, modules))
    assert results[0].keys() == results[1].keys()
    for name, expected in results[1].items():
        torch.testing.assert_close(
            results[0][name], expected, rtol=1e-11, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("branch", ["linear", "mlp"])
def test_gradients_by_finite_differences(branch):
    modules = layers()
    x = tokens()[:1, :1, :2, :2].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ours(x, modules, branch), [x])


@pytest.mark.parametrize("x_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("branch", ["linear", "mlp"])
def test_autocast_is_no_further_from_float64_than_the_plain_layers(branch, x_dtype):
    x, modules = tokens(), layers()
    exact = with_gradients(plain(x, modules, branch), x, modules)
    errors = []
    for run in (ours, plain):
        x, modules = tokens(x_dtype), layers(torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            out = run(x, modules, branch)
        assert out.dtype == torch.bfloat16
        found = with_gradients(out, x, modules)
        assert {value.dtype for name, value in found.items() if name not in ("out", "x")} == {torch.float32}
        errors.append({n: (v.double() - exact[n]).norm() / exact[n].norm() for n, v in found.items()})
    for name, error in errors[0].items():
        assert error < 1.2 * errors[1][name] + 1e-3, name


def test_a_linear_map_without_bias():
    """The reduction of patch merging."""
    x, modules, linear = tokens(), layers(), nn.Linear(WIDTH, 3, bias=False, dtype=torch.float64)
    norm_linear(x, modules["norm"], linear).square().sum().backward()
    found, weight = x.grad, linear.weight.grad
    x, linear.weight.grad = tokens(), None
    linear(modules["norm"](x)).square().sum().backward()
    torch.testing.assert_close(found, x.grad, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(weight, linear.weight.grad, rtol=1e-11, atol=1e-12)


def test_two_backward_runs_are_bit_equal(monkeypatch):
    monkeypatch.setattr(recomputed, "ELEMENTS_AT_ONCE", 24 * 7)
    runs = []
    for _ in range(2):
        x, modules = tokens(torch.float32), layers(torch.float32)
        runs.append(with_gradients(ours(x, modules, "mlp"), x, modules))
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_frozen_layers_still_pass_the_gradient_on():
    x, modules = tokens(), layers().requires_grad_(False)
    ours(x, modules, "mlp").sum().backward()
    expected = tokens()
    plain(expected, modules, "mlp").sum().backward()
    torch.testing.assert_close(x.grad, expected.grad)
    assert all(p.grad is None for p in modules.parameters())


@pytest.mark.parametrize(
    ("kept_elements", "times_the_tokens"),
    [(0, 6), (recomputed.KEPT_ELEMENTS, 10)],  # a small hidden layer, four times as wide, is kept
)
def test_a_block_keeps_its_input_qkv_attention_and_the_sum_after_it(
    kept_elements, times_the_tokens, monkeypatch
):
    """Plain layers keep sixteen times the tokens: counted, not measured."""
    monkeypatch.setattr(recomputed, "KEPT_ELEMENTS", kept_elements)
    config = SwinConfig(embed_dim=16, depths=(1,), num_heads=(2,), window=(2, 3, 3), num_classes=2)
    model = VideoSwin(config)
    x = torch.randn(1, 4, 6, 6, 16, requires_grad=True)
    parameters = {p.data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in parameters:
            kept[tensor.data_ptr()] = max(kept.get(tensor.data_ptr(), 0), tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.layers[0](x)
    assert sum(kept.values()) == times_the_tokens * x.numel()


def held(recompute: Recompute | None, residual: Residual, dtype: torch.dtype) -> float:
    """What a block of plain layers, as they are on a GPU, holds for its backward pass beside the sum it
    gives, in passes of its tokens in `dtype`."""
    config = SwinConfig(embed_dim=64, depths=(1,), num_heads=(2,), window=(2, 3, 3), num_classes=2)
    model = VideoSwin(
        config, residual=residual, recompute=recompute or "blocks", recompute_stages=recompute is not None
    )
    tokens = torch.Size((1, 8, 24, 24, 64))
    with (
        _Storages(known=model.parameters()) as storages,
        torch.autocast("cpu", dtype, enabled=dtype != torch.float32),
    ):
        x = model._as_residual(torch.randn(tokens)).requires_grad_()
        out = model.layers[0](x)
        del x
    assert out.requires_grad
    return (storages.live - out.nbytes) / (tokens.numel() * dtype.itemsize)


@pytest.mark.parametrize(
    ("recompute", "passes"),
    # Input, qkv 3, attention, sum and hidden layer 4; plain layers also keep two norms and GELU's 4.
    [(None, 16), ("light", 10), ("mlp", 6), ("blocks", 1)],
)
def test_plain_layers_hold_what_is_not_computed_again(recompute, passes, monkeypatch):
    monkeypatch.setattr(recomputed, "_trains_on_cpu", lambda x: False)
    assert held(recompute, "fp32", torch.float32) == pytest.approx(passes, abs=0.2)


@pytest.mark.parametrize(("residual", "passes"), [("bf16", 10), ("fp32", 12)])
def test_a_float32_sum_is_held_at_twice_the_size(residual, passes, monkeypatch):
    monkeypatch.setattr(recomputed, "_trains_on_cpu", lambda x: False)
    assert held("light", residual, torch.bfloat16) == pytest.approx(passes, abs=0.2)


@pytest.mark.parametrize("recompute", ["light", "mlp", "blocks"])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_what_is_computed_again_gives_the_same_gradients(recompute, on_cpu, monkeypatch):
    monkeypatch.setattr(recomputed, "_trains_on_cpu", lambda x: on_cpu)
    gradients = []
    for stages in (0, 1):
        torch.manual_seed(0)
        config = SwinConfig(embed_dim=16, depths=(2,), num_heads=(2,), window=(2, 3, 3), num_classes=2)
        model = VideoSwin(config, drop_path_rate=0.5, recompute=recompute, recompute_stages=stages)
        torch.manual_seed(1)
        model(torch.full((3, 3, 4, 24, 24), 7, dtype=torch.uint8)).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("recompute", [None, "mlp"])
def test_a_cpu_keeps_no_hidden_layer_that_is_to_be_computed_again(recompute):
    assert held(recompute, "fp32", torch.float32) == pytest.approx(6 if recompute else 10, abs=0.2)
