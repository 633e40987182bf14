from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.drop_path import DropPath, add_branch

MICRO = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)


def ones(x: Tensor) -> Tensor:
    return torch.ones_like(x)


def clips(num_clips: int) -> Tensor:
    shape = (num_clips, 3, 4, 24, 24)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_whole_samples_are_dropped_and_the_mean_stays():
    torch.manual_seed(0)
    x = torch.zeros(4000, 2, 3)
    kept = add_branch(x, ones, DropPath(0.25).draw(x))
    assert set(kept.flatten().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert torch.equal(kept, kept[:, :1, :1].expand_as(kept))
    assert kept.mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("skips", [False, True])
def test_nothing_is_dropped_out_of_training_or_at_rate_0(skips):
    x = torch.zeros(8, 2)
    assert DropPath(0.5, skips=skips).eval().draw(x) is None
    assert DropPath(0.0, skips=skips).draw(x) is None


@pytest.mark.parametrize(
    ("num_samples", "rate", "num_kept"), [(8, 0.25, 6), (8, 0.1, 7), (8, 0.05, 8), (1, 0.9, 1), (2, 0.9, 1)]
)
def test_skipping_computes_a_fixed_number_and_scales_to_the_exact_mean(num_samples, rate, num_kept):
    """Of 8 samples at 0.1 there are 7, of 1 always 1."""
    x = torch.zeros(num_samples, 3)
    sizes = []

    def branch(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return torch.ones_like(x)

    out = add_branch(x, branch, DropPath(rate, skips=True).draw(x))
    assert sizes == [num_kept]
    assert sorted(out[:, 0].tolist()) == pytest.approx(
        [0.0] * (num_samples - num_kept) + [num_samples / num_kept] * num_kept
    )
    assert out.mean().item() == pytest.approx(1)


def test_skipping_gives_each_sample_its_own_branch_and_its_own_gradient():
    torch.manual_seed(0)
    x = torch.arange(6.0)[:, None].requires_grad_()
    kept = DropPath(0.5, skips=True).draw(x)
    assert kept is not None
    out = add_branch(x, lambda x: 10 * x, kept)
    factors = torch.ones(6, 1)
    factors[kept] = 1 + 10 * 2
    assert torch.equal(out, factors * x)
    out.sum().backward()
    assert torch.equal(x.grad, factors)


def test_every_sample_is_skipped_equally_often():
    torch.manual_seed(0)
    drop, x = DropPath(0.25, skips=True), torch.zeros(4, 1)
    mean = sum(add_branch(x, ones, drop.draw(x)) for _ in range(3000)) / 3000
    assert mean.flatten().tolist() == pytest.approx([1] * 4, abs=0.05)


def test_the_sum_keeps_its_dtype_where_the_branch_is_narrower():
    x = torch.zeros(4, 2)
    torch.manual_seed(0)
    for skips in (False, True):
        kept = DropPath(0.5, skips=skips).draw(x)
        assert add_branch(x, lambda x: x.bfloat16(), kept).dtype == torch.float32


@pytest.mark.parametrize("recompute_stages", [0, 2])
def test_a_model_that_skips_is_repeatable_trains_and_is_the_same_in_evaluation(recompute_stages):
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        model = VideoSwin(MICRO, drop_path_rate=0.6, skip_dropped=True, recompute_stages=recompute_stages)
        torch.manual_seed(seed)
        model(clips(4)).square().sum().backward()
        runs.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(runs[0], runs[2], strict=True))
    assert all(grad is not None and grad.any() for grad in runs[0])
    torch.manual_seed(0)
    plain = VideoSwin(MICRO, drop_path_rate=0.6).eval()
    assert torch.equal(plain(clips(2)), model.eval()(clips(2)))


def test_one_clip_is_never_skipped():
    torch.manual_seed(0)
    model = VideoSwin(MICRO, drop_path_rate=0.9, skip_dropped=True)
    torch.testing.assert_close(model(clips(1)), model.eval()(clips(1)))


def test_printing_names_rate_and_skipping():
    assert "rate=0.100)" in str(DropPath(0.1))
    assert "skips=True" in str(nn.Sequential(DropPath(0.1, skips=True)))
