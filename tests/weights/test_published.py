"""Published files by their names: labels and clip that the file itself does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from videoswin import weights
from videoswin.errors import WeightsError
from videoswin.model import VideoSwin
from videoswin.weights import zoo


@pytest.fixture(scope="module")
def tiny() -> VideoSwin:
    torch.manual_seed(0)
    return VideoSwin(zoo.lookup("k400-swin-t").config)


def test_a_name_stands_for_its_file_with_labels_and_clip(tiny, caplog):
    caplog.set_level("INFO")
    published = zoo.lookup("k400-swin-t")
    path = zoo.cached_path(published)
    path.parent.mkdir(parents=True)
    weights.save_foreign(path, tiny, to="official")
    for source in ("k400-swin-t", path):
        found = weights.read(source)
        assert found.config == published.config
        assert found.clip == published.clip
        assert found.labels == zoo.labels("kinetics400")
        assert len(found.labels) == 400
    assert "labels of kinetics400 and clip as published for k400-swin-t, by the file's name" in caplog.text


def test_another_model_under_that_name_gets_neither(tiny, tmp_path):
    published = zoo.lookup("k400-swin-t")
    other = VideoSwin(replace(published.config, num_classes=7))
    weights.save_foreign(tmp_path / published.file_name, other, to="official")
    assert weights.read(tmp_path / published.file_name).labels == ()
    weights.save_foreign(tmp_path / published.file_name, tiny, to="mmaction2")
    assert weights.read(tmp_path / published.file_name).labels == ()


def test_an_unknown_name_is_named():
    with pytest.raises(WeightsError, match=r"no published weights are named 'k400-swin-x'; near: k400-swin"):
        weights.read("k400-swin-x")
