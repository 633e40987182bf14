"""Views become probabilities by softmax first, mean second."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from videoswin.errors import WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.predict.views import mean_probabilities


class ChannelScores(nn.Module):
    """Three classes whose scores are the three channels of the clip's first pixel, times a weight."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, clips: Tensor) -> Tensor:
        return clips[:, :, 0, 0, 0] * self.weight


def clips_of(scores: list[list[list[int]]]) -> Tensor:
    return torch.tensor(scores, dtype=torch.uint8)[..., None, None, None]  # (B, V, 3, 1, 1, 1)


def test_softmax_comes_before_the_mean() -> None:
    # One very sure view, and two that mildly agree on another class: the mean of scores would name class 0.
    clips = clips_of([[[9, 0, 0], [0, 2, 0], [0, 2, 0]]])
    sure, mild = torch.tensor([9.0, 0, 0]).softmax(0), torch.tensor([0.0, 2, 0]).softmax(0)
    shares = mean_probabilities(ChannelScores(), clips, views_per_pass=4)
    torch.testing.assert_close(shares, ((sure + 2 * mild) / 3)[None])
    assert shares.argmax() == 1


class Moves(TorchFunctionMode):
    """Sees every tensor that is moved while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[tuple[int, ...], torch.dtype, bool]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.to and isinstance(args[1], torch.device):
            self.seen.append((tuple(args[0].shape), args[0].dtype, kwargs.get("non_blocking", False)))
        return func(*args, **kwargs)


def test_clips_go_to_the_device_as_bytes_and_without_waiting(model: VideoSwin) -> None:
    """They are normalised there; float32 would be four times as much to move."""
    clips = torch.randint(0, 256, (1, 3, 3, 4, 32, 32), dtype=torch.uint8)
    with Moves() as moves:
        mean_probabilities(model, clips, views_per_pass=2)
    assert moves.seen == [(shape, torch.uint8, True) for shape in ((2, 3, 4, 32, 32), (1, 3, 4, 32, 32))]


def test_each_video_keeps_its_own_views() -> None:
    clips = clips_of([[[9, 0, 0], [9, 0, 0]], [[0, 0, 9], [0, 9, 0]]])
    shares = mean_probabilities(ChannelScores(), clips, views_per_pass=3)  # a pass that ends inside a video
    assert shares.shape == (2, 3)
    assert shares[0, 0] > 0.99
    torch.testing.assert_close(shares[1], torch.tensor([0.000123, 0.499938, 0.499938]), atol=1e-6, rtol=0)


@pytest.fixture(scope="module")
def model() -> VideoSwin:
    torch.manual_seed(0)
    config = SwinConfig(embed_dim=16, depths=(1, 1), num_heads=(2, 2), window=(2, 4, 4), num_classes=5)
    return VideoSwin(config).eval()


@pytest.mark.parametrize("views_per_pass", [1, 2, 3, 5, 6, 100])
def test_views_per_pass_only_bounds_memory(model: VideoSwin, views_per_pass: int) -> None:
    clips = torch.randint(0, 256, (2, 3, 3, 4, 32, 32), dtype=torch.uint8)
    largest: list[int] = []
    with_hook = model.register_forward_pre_hook(lambda _, inputs: largest.append(len(inputs[0])))
    shares = mean_probabilities(model, clips, views_per_pass=views_per_pass)
    with_hook.remove()
    each_alone = torch.stack([model(view.flatten(0, 0)).float().softmax(-1).mean(0) for view in clips])
    torch.testing.assert_close(shares, each_alone, atol=1e-6, rtol=0)
    assert max(largest) == min(views_per_pass, 3)  # views of one video only


def test_numbers_of_a_video_do_not_depend_on_its_batch(model: VideoSwin) -> None:
    """To the last bit, wherever it is in the batch."""
    clips = torch.randint(0, 256, (5, 3, 3, 4, 32, 32), dtype=torch.uint8)
    together = mean_probabilities(model, clips, views_per_pass=4)
    for order in ([4, 2, 0], [1], [3, 1]):
        assert torch.equal(mean_probabilities(model, clips[order], views_per_pass=4), together[order])


def test_sigmoid_judges_each_class_alone() -> None:
    clips = clips_of([[[9, 0, 2], [0, 0, 2]]])
    shares = mean_probabilities(ChannelScores(), clips, views_per_pass=4, activation="sigmoid")
    nine, two = torch.tensor([9.0, 2.0]).sigmoid().tolist()
    torch.testing.assert_close(shares, torch.tensor([[(nine + 0.5) / 2, 0.5, two]]))


def test_result_is_float32_sums_to_one_and_has_no_history(model: VideoSwin) -> None:
    shares = mean_probabilities(model, torch.zeros(1, 2, 3, 4, 32, 32, dtype=torch.uint8), views_per_pass=2)
    assert shares.dtype == torch.float32
    assert not shares.requires_grad
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1))


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(WeightsError, match="NaN or infinite"):
        mean_probabilities(ChannelScores(float("nan")), clips_of([[[1, 2, 3]]]), views_per_pass=1)
