from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib.image import imread

from tests.train.report.material import several_classes, some_validation
from videoswin.train.report.clips import clip_card, most_wrong, surest
from videoswin.train.report.validation import Validation


def with_rows(validation: Validation, probabilities: list[list[float]]) -> Validation:
    return replace(validation, probabilities=torch.tensor(probabilities))


def test_the_surest_come_first_and_wrong_ones_are_not_among_them(tmp_path: Path) -> None:
    validation = some_validation(tmp_path)
    assert surest(validation) == [2, 0]
    assert most_wrong(validation) == [1]  # of equal probabilities the first class is the answer


def test_the_furthest_from_right_comes_first(tmp_path: Path) -> None:
    validation = with_rows(some_validation(tmp_path), [[0.25, 0.75], [0.9, 0.1], [0.4, 0.6]])
    assert most_wrong(validation) == [1, 0, 2]
    assert surest(validation) == []


def test_of_several_classes_the_mean_counts_and_one_of_them_is_right(tmp_path: Path) -> None:
    validation = several_classes(tmp_path)  # 0.625, 0.5, 0.75 of their own classes, all highest
    assert surest(validation) == [2, 0, 1]
    assert most_wrong(validation) == []


def test_a_card_shows_the_frames_that_the_model_saw(videos: Path) -> None:
    card = clip_card(some_validation(videos), 2)
    assert "<b>a&lt;b&gt;</b> · bright/1.mp4, frames 2 to 10" in card
    assert 'class="guess right"><span>a&lt;b&gt;</span><i>87.5%</i>' in card
    assert 'class="guess wrong"><span>dark</span><i>12.5%</i>' in card
    (text,) = [part.split('"')[0] for part in card.split("data:image/jpeg;base64,")[1:]]
    pixels = imread(io.BytesIO(base64.b64decode(text)), format="jpeg")
    assert pixels.shape == (32 + 24, 4 * (32 + 4), 3)  # four frames of 32 px, which a clip has
    assert 150 < pixels[20:36, 10:26].mean() < 230  # of a bright video


def test_a_video_that_is_gone_is_said_in_its_place(tmp_path: Path) -> None:
    card = clip_card(some_validation(tmp_path), 0)
    assert "data:image" not in card
    assert '<p class="missing">[V34] ' in card
