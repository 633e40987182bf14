"""Values check themselves and say what is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from videoswin.errors import ConfigError, DecodeError
from videoswin.values import ClipSpec, Frames, Prediction, Size3, Views, default_views


@pytest.mark.parametrize("field", ["num_frames", "stride", "size"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_clip_numbers_are_whole_and_positive(field, value):
    with pytest.raises(
        ConfigError, match=rf"clip\.{field} is {value}; allowed: a whole number of at least 1"
    ):
        ClipSpec(**{field: value})


def test_clip_sampling_is_named():
    with pytest.raises(ConfigError, match=r"clip\.sampling is 'random'; allowed: dense, uniform"):
        ClipSpec(sampling="random")


def test_clip_resize_is_named():
    assert ClipSpec().resize == "bilinear"  # as the published weights saw it
    with pytest.raises(ConfigError, match=r"clip\.resize is 'lanczos'; allowed: bilinear, antialias"):
        ClipSpec(resize="lanczos")


@pytest.mark.parametrize(
    ("text", "views"), [("4x3", (4, 3)), ("10x1", (10, 1)), ("1x3", (1, 3)), ("10x5", (10, 5))]
)
def test_views_read_as_the_paper_writes_them(text, views):
    parsed = Views.parse(text)
    assert (parsed.clips, parsed.crops) == views
    assert str(parsed) == text
    assert len(parsed) == views[0] * views[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4", "views are '4'; allowed: CLIPSxCROPS"),
        ("4x", "allowed: CLIPSxCROPS"),
        ("-1x3", "allowed: CLIPSxCROPS"),
        ("4x3x2", "allowed: CLIPSxCROPS"),
        ("0x3", "views ask for 0 clips; allowed: 1 or more"),
        (
            "4x2",
            r"views ask for 2 crops; allowed: 1 \(center\), 3 \(left, right, middle\) or 5 \(evenly spaced\)",
        ),
        ("1x4", "views ask for 4 crops"),
    ],
)
def test_other_views_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        Views.parse(text)


def test_default_views_are_the_papers():
    assert str(default_views(ClipSpec(sampling="dense"))) == "4x3"
    assert str(default_views(ClipSpec(sampling="uniform"))) == "1x3"


def test_size_volume():
    assert Size3(2, 3, 4).volume == 24


def test_frames_show_their_shape_not_their_pixels():
    frames = Frames(pixels=np.zeros((2, 4, 6, 3), np.uint8), pts_seconds=np.array([0.0, 0.5]))
    assert len(frames) == 2
    assert repr(frames) == "Frames(2x4x6x3, 0.000 .. 0.500 s)"


def test_prediction_top():
    prediction = Prediction(
        path="a.mp4", labels=("x", "y", "z"), probabilities=(0.7, 0.2, 0.1), views=Views(), seconds={}
    )
    assert prediction.top(2) == [("x", 0.7), ("y", 0.2)]
    assert prediction.top(9) == [("x", 0.7), ("y", 0.2), ("z", 0.1)]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("a.mp4", "a.mp4"),
        ("a\nb\t.mp4", r"a\nb\t.mp4"),
        ("bad\udcff.mp4", r"bad\udcff.mp4"),
        ("läuft 😀.mp4", "läuft 😀.mp4"),
    ],
)
def test_a_decode_error_is_one_printable_line(path, shown):
    assert str(DecodeError(path, "V01", "empty file")) == f"[V01] {shown}: empty file"
