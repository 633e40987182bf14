"""`videoswin convert` end to end: out to every format and back, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import safetensors.torch
import torch

from tests.weights import plain2d
from videoswin import weights
from videoswin.cli.main import main
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path_factory.mktemp("cache")))


MICRO = SwinConfig(embed_dim=8, depths=(1, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)


@pytest.mark.parametrize("to", ["official", "mmaction2", "torchvision", "videoswin"])
def test_out_and_back(tmp_path, capsys, to):
    source, middle, back = tmp_path / "a.safetensors", tmp_path / "b", tmp_path / "c.safetensors"
    weights.save(source, VideoSwin(MICRO), labels=("a", "b", "c"), clip=ClipSpec(size=24))
    assert main(["convert", str(source), str(middle), "--to", to]) == 0
    assert main(["convert", str(middle), str(back)]) == 0
    assert f"({to}, " in capsys.readouterr().out
    first, last = weights.read(source), weights.read(back)
    assert first.config == last.config
    assert all(torch.equal(last.state_dict[key], value) for key, value in first.state_dict.items())
    assert last.labels == (first.labels if to == "videoswin" else ())


def test_an_existing_file_is_kept(tmp_path, capsys):
    target = tmp_path / "mine.safetensors"
    target.write_bytes(b"precious")
    assert main(["convert", "whatever.pth", str(target)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("offsets", ["stretch", "keep"])
def test_another_window_and_back(tmp_path, caplog, offsets):
    source, wide, back = (tmp_path / f"{name}.safetensors" for name in ("a", "b", "c"))
    weights.save(source, VideoSwin(MICRO), labels=("a", "b", "c"), clip=ClipSpec(size=24))
    assert main(["convert", str(source), str(wide), "--window", "[4,3,3]", "--offsets", offsets]) == 0
    assert "3 bias tables from window 2x3x3 to 4x3x3" in caplog.text
    found = weights.read(wide)
    assert found.config.window == (4, 3, 3)
    assert found.labels == ("a", "b", "c")
    assert "3 bias tables from window" in found.notes["converted from"]
    assert main(["convert", str(wide), str(back), "--window", "[2,3,3]", "--offsets", offsets]) == 0
    first, last = weights.read(source), weights.read(back)
    assert last.notes["converted from"].count(" <- ") == 1
    for name, tensor in first.state_dict.items():
        torch.testing.assert_close(last.state_dict[name], tensor)


def test_a_2d_swin_needs_the_number_of_classes(tmp_path, capsys):
    state = plain2d.random_state(width=8, depths=(1, 1), heads=(1, 2), window=3, seed=0)
    source, target = tmp_path / "2d.safetensors", tmp_path / "3d.safetensors"
    safetensors.torch.save_file(state, source)
    assert main(["convert", str(source), str(target)]) == 4
    assert "a 2D Swin has no classifier of videos; give num_classes" in capsys.readouterr().err
    assert not target.exists()
    options = ["--num_classes", "3", "--inflation.temporal_window", "2"]
    assert main(["convert", str(source), str(target), *options]) == 0
    found = weights.read(target)
    assert found.config == replace(MICRO, depths=(1, 1))
    assert "(microsoft, " in capsys.readouterr().out


@pytest.mark.parametrize("window", ["[0,3,3]", "[-1,3,3]"])
def test_a_wrong_window_is_refused(tmp_path, capsys, window):
    assert main(["convert", "a", str(tmp_path / "b"), "--window", window]) == 2
    assert "window is (" in capsys.readouterr().err
