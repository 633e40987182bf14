"""The predictor on real files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.predict.material import CLIP, LABELS, write_page, write_weights
from videoswin import weights
from videoswin.data.clips import test_views as read_test_views
from videoswin.errors import ConfigError, DecodeError, WeightsError
from videoswin.predict import Predictor, find_device
from videoswin.values import Prediction, Views

VIEWS = Views(clips=2, crops=3)


def test_prediction_is_the_mean_of_the_views_softmax(micro_weights: Path, video: Path) -> None:
    prediction = Predictor(micro_weights, views=VIEWS)(video)
    model = weights.load(micro_weights)
    views = read_test_views(video, CLIP, VIEWS)
    with torch.no_grad():
        expected = torch.stack([model(view[None])[0].softmax(0) for view in views]).mean(0)
    found = dict(zip(prediction.labels, prediction.probabilities, strict=True))
    torch.testing.assert_close(torch.tensor([found[label] for label in LABELS]), expected, atol=1e-6, rtol=0)


def test_prediction_names_everything(micro_weights: Path, video: Path) -> None:
    prediction = Predictor(micro_weights, views=VIEWS)(video)
    assert prediction.path == str(video)
    assert sorted(prediction.labels) == sorted(LABELS)
    assert list(prediction.probabilities) == sorted(prediction.probabilities, reverse=True)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-6)
    assert prediction.views == VIEWS
    assert prediction.seconds.keys() == {"decode", "model"}
    assert min(prediction.seconds.values()) > 0


def test_one_predictor_serves_many_files_and_repeats_itself(micro_weights: Path, video: Path) -> None:
    predictor = Predictor(micro_weights, views=VIEWS)
    assert predictor(str(video)).probabilities == predictor(video).probabilities


def test_reading_ahead_gives_the_same_in_the_same_order(
    micro_weights: Path, video: Path, tmp_path: Path
) -> None:
    """On a device of its own the model works while the next video is read; the CPU can do both, too."""
    predictor = Predictor(micro_weights, views=VIEWS)
    other = shutil.copy(video, tmp_path / "other.mp4")
    paths = [str(video), str(write_page(tmp_path / "page.mp4")), str(other)]
    in_turn, ahead = list(predictor.each(paths)), list(predictor._reading_ahead(paths))
    assert [result.path for result in in_turn] == [result.path for result in ahead] == paths
    for one, other in zip(in_turn, ahead, strict=True):
        if isinstance(one, DecodeError):
            assert str(one) == str(other)
        else:
            assert isinstance(other, Prediction)
            assert one.probabilities == other.probabilities
    assert isinstance(in_turn[1], DecodeError)
    assert list(predictor._reading_ahead([])) == []


def test_weights_can_be_a_value_and_may_have_no_names(micro_weights: Path, video: Path) -> None:
    nameless = replace(weights.read(micro_weights), labels=())
    named, numbered = Predictor(micro_weights, views=VIEWS)(video), Predictor(nameless, views=VIEWS)(video)
    assert numbered.probabilities == named.probabilities
    assert [LABELS[int(label)] for label in numbered.labels] == list(named.labels)


def test_default_views_are_the_papers(micro_weights: Path) -> None:
    assert str(Predictor(micro_weights).views) == "4x3"


def test_bf16_is_near_fp32_but_not_equal(micro_weights: Path, video: Path) -> None:
    full = Predictor(micro_weights, views=VIEWS)(video)
    half = Predictor(micro_weights, views=VIEWS, precision="bf16")(video)
    assert half.labels == full.labels
    assert half.probabilities == pytest.approx(full.probabilities, abs=0.03)
    assert half.probabilities != full.probabilities


def test_unreadable_video_is_a_decode_error(micro_weights: Path, tmp_path: Path) -> None:
    page = write_page(tmp_path / "page.mp4")
    predictor = Predictor(micro_weights, views=VIEWS)
    with pytest.raises(DecodeError, match=r"page\.mp4"):
        predictor(page)
    with pytest.raises(DecodeError, match=r"absent\.mp4"):
        predictor(tmp_path / "absent.mp4")


def test_missing_weights_are_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="absent"):
        Predictor(tmp_path / "absent.safetensors")


def test_precision_is_checked(micro_weights: Path) -> None:
    with pytest.raises(ConfigError, match=r"precision is 'int4'; allowed: fp32, bf16"):
        Predictor(micro_weights, precision="int4")  # type: ignore[arg-type]


def test_views_must_fit_the_sampling(micro_weights: Path) -> None:
    uniform = replace(weights.read(micro_weights), clip=replace(CLIP, sampling="uniform"))
    with pytest.raises(ConfigError, match=r"4 clips, but with uniform sampling .* allowed: 1x3 or 1x1"):
        Predictor(uniform, views=Views(clips=4, crops=3))


def test_views_per_pass_is_checked(micro_weights: Path) -> None:
    with pytest.raises(ConfigError, match="views_per_pass is 0; allowed: 1 or more"):
        Predictor(micro_weights, views_per_pass=0)


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "cpu:x"])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"device '{name}' can't be used: .*; allowed: auto, cpu"):
        find_device(name)


def test_auto_device_is_cuda_where_present() -> None:
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert find_device("cpu").type == "cpu"


def test_random_weights_differ(tmp_path: Path, micro_weights: Path, video: Path) -> None:
    """The material of these tests tells models apart."""
    other = write_weights(tmp_path / "other.safetensors", seed=1)
    one, two = Predictor(micro_weights)(video), Predictor(other)(video)
    assert abs(one.probabilities[0] - two.probabilities[0]) > 1e-3
