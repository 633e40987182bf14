"""`videoswin convert` end to end: out to every format and back, bit for bit."""

from __future__ import annotations

import pytest
import torch

from videoswin import weights
from videoswin.cli.main import main
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec

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
