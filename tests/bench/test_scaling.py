"""Points, their order and the picture; speeds are never asserted."""

from __future__ import annotations

import json

import pytest

from videoswin.bench import scaling
from videoswin.bench.scaling import Point, ScalingConfig
from videoswin.cli.main import main
from videoswin.errors import ConfigError
from videoswin.values import Size3


@pytest.mark.slow
def test_points_and_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scaling, "BASE", Size3(4, 32, 32))
    picture = tmp_path / "scaling.png"
    sizes = ["--frames", "[8,4]", "--sides", "[33]", "--rounds", "1", "--threads", "1"]
    assert main(["bench", "scaling", *sizes, "--picture", str(picture), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [point["size"] for point in report["over_frames"]] == [[4, 32, 32], [8, 32, 32]]
    assert [point["size"] for point in report["over_sides"]] == [[4, 32, 32], [4, 33, 33]]
    assert all(100e6 < point["peak_bytes"] < 4e9 for point in report["over_frames"])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_growth_is_relative_to_the_base():
    base = Point(size=Size3(32, 224, 224), seconds=1.0, peak_bytes=1, multiply_adds=100)
    twice = Point(size=Size3(64, 224, 224), seconds=3.0, peak_bytes=1, multiply_adds=300)
    assert twice.seconds_a_pixel(base) == pytest.approx(1.5)
    assert twice.seconds_a_multiply_add(base) == pytest.approx(1.0)


def test_sizes_below_one_are_refused():
    with pytest.raises(ConfigError, match="must be 1 or more"):
        ScalingConfig(frames=(0,))
